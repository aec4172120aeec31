import { expect, test } from "vitest";
import { decodeLayout } from "../../../autoinstall/layout/decode.ts";
import { diffLayouts, formatDifference } from "../../../autoinstall/layout/diff.ts";
import { fixtureLayout, fixtureNames } from "../layout-fixture.ts";

test.each(fixtureNames)("%s does not differ from itself", (name) => {
  expect(diffLayouts(fixtureLayout(name), fixtureLayout(name))).toEqual([]);
});

test("what changed, went and came is told by what it is, whatever the order", () => {
  const before = decodeLayout(`<config>
    <disk dev="/dev/vda" label_type="msdos" unit_of_measurement="MB">
      <part num="1" size="100" flags="boot"/><part num="2" size="*"/></disk>
    <fsinfo line="10" real_dev="/dev/vda2" mp="/" fs="ext3"/>
    <fsinfo line="20" real_dev="/dev/vda1" mp="/boot" fs="ext3"/></config>`).layout!;
  const after = decodeLayout(`<config>
    <!-- larger -->
    <fsinfo line="5" real_dev="/dev/vda2" mp="/" fs="xfs"/>
    <disk dev="/dev/vda" label_type="msdos" unit_of_measurement="MB">
      <part num="1" size="500" flags="boot"/><part num="2" size="*"/><part num="3" size="5"/></disk></config>`)
    .layout!;

  expect(diffLayouts(before, after).map(formatDifference)).toEqual([
    "~ /dev/vda1: 100 MB primary boot -> 500 MB primary boot",
    "~ line for /: /dev/vda2 ext3 defaults -> /dev/vda2 xfs defaults",
    "- line for /boot: /dev/vda1 ext3 defaults",
    "+ /dev/vda3: 5 MB primary",
  ]);
});
