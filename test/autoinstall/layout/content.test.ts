import { describe, expect, test } from "vitest";
import { renderScript } from "../../../autoinstall/install/render.ts";
import { ContentMeter, contentProblems } from "../../../autoinstall/layout/content.ts";
import { decodeLayout } from "../../../autoinstall/layout/decode.ts";
import { formatDiagnostic } from "../../../autoinstall/layout/diagnostic.ts";
import { fitLayout } from "../../../autoinstall/layout/fit.ts";
import type { DiskLayout } from "../../../autoinstall/layout/model.ts";
import { parseRelPath, type RelPath } from "../../../base/path-bytes.ts";
import type { FileEntry } from "../../../images/entry.ts";
import { planOf } from "../layout-fixture.ts";

const mib = 1024 ** 2;

function path(text: string): RelPath {
  const parsed = parseRelPath(text);
  if (!parsed.ok) {
    throw new Error(parsed.error);
  }
  return parsed.value;
}

function file(name: string, size: number): FileEntry {
  const mtime = { seconds: 0, nanoseconds: 0 };
  return { kind: "file", path: path(name), size, mode: 0o644, uid: 0, gid: 0, mtime };
}

function layoutOf(text: string): DiskLayout {
  const { layout } = decodeLayout(`<config>${text}</config>`);
  if (layout === undefined) {
    throw new Error("not XML");
  }
  return layout;
}

function vda(unit: string, ...sizes: readonly string[]): string {
  const parts = sizes.map((size, index) => `<part num="${index + 1}" size="${size}" p_type="primary"/>`);
  return `<disk dev="/dev/vda" label_type="msdos" unit_of_measurement="${unit}">${parts.join("")}</disk>`;
}

function line(number: number, device: string, mountPoint: string, options = "defaults"): string {
  return `<fsinfo line="${number}" real_dev="${device}" mp="${mountPoint}" fs="btrfs" options="${options}"/>`;
}

const rootAndVar = line(10, "/dev/vda1", "/") + line(20, "/dev/vda2", "/var");
const used = new Map([
  ["/", 700 * mib],
  ["/var", 300 * mib + 17],
]);

describe("ContentMeter", () => {
  test("counts a file where the deepest mount point holds it", () => {
    const meter = new ContentMeter(["/", "/var", "/var/log"]);
    for (const entry of [
      file("etc/a", 1),
      file("var/b", 20),
      file("var/log/c", 300),
      file("variety", 4000),
    ]) {
      meter.add(entry);
    }

    expect(Object.fromEntries(meter.least(0))).toEqual({ "/": 4001, "/var": 20, "/var/log": 300 });
  });

  test("takes holes off everywhere, for nobody says where they are", () => {
    const meter = new ContentMeter(["/", "/var"]);
    meter.add(file("a", 1000));
    meter.add(file("var/b", 100));

    expect(Object.fromEntries(meter.least(250))).toEqual({ "/": 750, "/var": 0 });
  });
});

describe("a filesystem that is too small by what the file says", () => {
  const small = layoutOf(vda("MB", "*", "300") + rootAndVar);

  test("is named with the bytes that it lacks", () => {
    expect(contentProblems(small, { used }).map((one) => formatDiagnostic(one))).toEqual([
      expect.stringContaining(
        `/dev/vda2 is to have 286 MiB, and ${300 * mib + 17} bytes of the image lie in /var: ${14 * mib + 17} bytes short [filesystem-too-small]`,
      ),
    ]);
  });

  test("is refused by plan and fit, whatever the disk", () => {
    const fitted = fitLayout(small, { used, targets: [{ device: "/dev/vda", size: 1e12 }] });
    const planned = planOf(small, { used });

    expect(fitted.ok || fitted.error.map(({ code }) => code)).toEqual(["filesystem-too-small"]);
    expect(planned.ok || planned.error.map(({ code }) => code)).toEqual(["filesystem-too-small"]);
  });

  test("may be a volume", () => {
    const group =
      '<disk dev="/dev/vda" label_type="msdos" unit_of_measurement="MB"><part num="1" size="*" p_type="primary" flags="lvm" lvm_group="vg"/></disk>' +
      '<lvm><lvm_group name="vg"><lv name="root" size="*"/><lv name="var" size="256M"/></lvm_group></lvm>';
    const layout = layoutOf(group + line(10, "/dev/vg/root", "/") + line(20, "/dev/vg/var", "/var"));

    expect(contentProblems(layout, { used }).map(({ subject }) => subject)).toEqual(["/dev/vg/var"]);
  });

  test("is let be where it compresses, for then nobody knows", () => {
    const layout = layoutOf(
      vda("MB", "*", "300") + line(10, "/dev/vda1", "/") + line(20, "/dev/vda2", "/var", "compress=zstd"),
    );

    expect(contentProblems(layout, { used })).toEqual([]);
  });
});

describe("a filesystem whose share of the disk is too small", () => {
  const shares = layoutOf(vda("%", "70", "30") + rootAndVar);

  test("is refused by fit with the bytes that it lacks", () => {
    const at = (size: number) => fitLayout(shares, { used, targets: [{ device: "/dev/vda", size }] });

    expect(at(1100 * mib).ok).toBe(true);
    const refused = at(1001 * mib);
    expect(refused.ok || refused.error.map(({ message }) => message)).toEqual([
      `/dev/vda (1001 MiB) is too small for /dev/vda of the layout: /var needs at least 301 MiB and would get 300 MiB; ${mib} bytes short`,
    ]);
  });

  test("is refused by the script, before anything is written", () => {
    const planned = planOf(shares, { used });
    const script = planned.ok ? renderScript(planned.value.steps, { node: "n", image: "web@1" }) : "";

    const check = script.indexOf(`enough "$DISK_1" /var "$SIZE_1_2" 301`);
    expect(check).toBeGreaterThan(0);
    expect(check).toBeLessThan(script.lastIndexOf('write_table "$DISK_1"'));
  });
});
