/** One layout per rule: what the rule says of it, and what the repair makes of it or leaves to a person. */
import { describe, expect, test } from "vitest";
import { checkLayout, layoutRules } from "../../../autoinstall/layout/check.ts";
import { decodeLayout } from "../../../autoinstall/layout/decode.ts";
import type { CheckCode } from "../../../autoinstall/layout/diagnostic.ts";
import { repairLayout } from "../../../autoinstall/layout/repair.ts";
import { debianFacts } from "./facts-fixture.ts";
import { type RuleCase, ruleCases } from "./rule-cases.ts";

const table = Object.entries(ruleCases) as readonly (readonly [CheckCode, RuleCase])[];

test("every rule has a case", () => {
  expect(new Set(Object.keys(ruleCases))).toEqual(new Set(Object.keys(layoutRules)));
});

describe.each(table)("%s", (code, one) => {
  const read = () => decodeLayout(`<config>${one.file}</config>`).layout!;

  test(`says: ${one.says}`, () => {
    const found = checkLayout(read()).filter((finding) => finding.code === code);

    expect(found.map(({ subject }) => subject)).toEqual([one.subject]);
    expect(found[0]!.message).toContain(one.says);
  });

  test(
    one.repaired === undefined ? `is left to a person: ${one.advice}` : `is repaired: ${one.repaired}`,
    () => {
      const context = one.facts === undefined ? {} : { facts: debianFacts(one.facts) };
      const { repairs, remaining, layout } = repairLayout(read(), context);
      const own = repairs.filter((repair) => repair.code === code).map(({ text }) => text);
      const left = remaining.filter((finding) => finding.code === code).map(({ advice }) => advice);

      expect({ own, left }).toEqual(
        one.repaired === undefined ? { own: [], left: [one.advice] } : { own: [one.repaired], left: [] },
      );
      expect(repairLayout(layout, context).repairs).toEqual([]);
    },
  );

  test("does not complain of a sound layout", () => {
    const sound = decodeLayout(
      `<config><disk dev="/dev/vda" label_type="msdos" unit_of_measurement="MB">
        <part num="1" size="*" p_type="primary" flags="boot"/></disk>
        <fsinfo line="10" real_dev="/dev/vda1" mp="/" fs="ext4"/></config>`,
    ).layout!;

    expect(layoutRules[code](sound)).toEqual([]);
  });
});
