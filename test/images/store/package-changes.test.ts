import { describe, expect, it } from "vitest";
import { compareVersions, packageChanges } from "../../../images/store/package-changes.ts";

function status(...packages: readonly (readonly [name: string, version: string, rest?: string])[]): string {
  return packages
    .map(
      ([name, version, rest = "Status: install ok installed\nArchitecture: amd64"]) =>
        `Package: ${name}\n${rest}\nVersion: ${version}\nDescription: ${name}\n more of it\n Version: 9 in the text\n`,
    )
    .join("\n");
}

describe("packageChanges()", () => {
  it("names what was added, removed, upgraded and downgraded", () => {
    const before = status(["bash", "5.2-1"], ["gone", "1"], ["back", "2.0"], ["same", "1"]);
    const after = status(["bash", "5.2-10"], ["new", "1:3"], ["back", "2.0~rc1"], ["same", "1"]);

    expect(packageChanges(before, after)).toEqual([
      { name: "back", before: "2.0", after: "2.0~rc1", kind: "downgraded" },
      { name: "bash", before: "5.2-1", after: "5.2-10", kind: "upgraded" },
      { name: "gone", before: "1", kind: "removed" },
      { name: "new", after: "1:3", kind: "added" },
    ]);
  });

  it("takes a package of which only the configuration is left as removed", () => {
    const left = status(["nginx", "1", "Status: deinstall ok config-files\nArchitecture: amd64"]);

    expect(packageChanges(status(["nginx", "1"]), left)).toMatchObject([{ name: "nginx", kind: "removed" }]);
  });

  it("tells a second architecture apart", () => {
    const i386 = "Status: install ok installed\nArchitecture: i386";
    const after = status(["libc6", "2"], ["libc6", "2", i386]);

    expect(packageChanges(status(["libc6", "2"]), after)).toEqual([
      { name: "libc6:i386", after: "2", kind: "added" },
    ]);
  });
});

describe("compareVersions()", () => {
  it.each([
    ["1.0", "1.0", 0],
    ["1.9", "1.10", -1],
    ["1:1.0", "2.0", 1],
    ["1.0~rc1", "1.0", -1],
    ["1.0-1", "1.0-1+deb12u1", -1],
    ["1.0a", "1.0+", -1],
    ["1.0.0-2", "1.0-3", 1],
    ["20261122000000000000001", "20261122000000000000002", -1],
    ["1.007", "1.7", 0],
  ])("of %s and %s is %i", (a, b, order) => {
    expect(Math.sign(compareVersions(a, b))).toBe(order);
    expect(Math.sign(compareVersions(b, a))).toBe(order === 0 ? 0 : -order);
  });
});
