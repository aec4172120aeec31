import { describe, expect, test } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import type { RamdiskEntry } from "../../../netboot/flavor/cpio.ts";
import { layTree, skeleton } from "../../../netboot/flavor/ramdisk-tree.ts";

function file(path: string, text = ""): RamdiskEntry {
  return { kind: "file", path: path as RelPath, mode: 0o644, data: new TextEncoder().encode(text) };
}
function link(path: string, target: string): RamdiskEntry {
  return { kind: "symlink", path: path as RelPath, target };
}

describe("layTree()", () => {
  test("sorts and adds the folders that paths imply", () => {
    const tree = layTree([file("b/c/d"), file("a")]);

    expect(tree.ok && tree.value.map((entry) => `${entry.kind} ${entry.path}`)).toEqual([
      "file a",
      "directory b",
      "directory b/c",
      "file b/c/d",
    ]);
  });

  test("takes the last of entries with the same path", () => {
    const tree = layTree([file("a", "one"), file("a", "two")]);

    expect(tree).toEqual({ ok: true, value: [file("a", "two")] });
  });

  test("accepts the skeleton once it has a shell", () => {
    expect(layTree([...skeleton(), file("usr/bin/dash")]).ok).toBe(true);
  });

  test.each([
    ["a link to nothing", [link("a", "b")], "symlink 'a' to 'b' ends nowhere"],
    ["links in a circle", [link("a", "b"), link("b", "a")], "ends nowhere"],
    ["a file below a file", [file("a"), file("a/b")], "'a/b' lies below 'a', which is no folder"],
    [
      "a file below a link",
      [file("usr/lib/x"), link("lib", "usr/lib"), file("lib/y")],
      "'lib/y' lies below 'lib'",
    ],
  ])("refuses %s", (_, entries, message) => {
    expect(layTree(entries)).toEqual({ ok: false, error: expect.stringContaining(message) });
  });

  test.each([
    ["relative", "../lib/x"],
    ["absolute", "/usr/lib/x"],
    ["through a link", "/lib/x"],
    ["to what exists at run time", "../proc/self/mounts"],
  ])("accepts a link that is %s", (_, target) => {
    expect(layTree([file("usr/lib/x"), link("lib", "usr/lib"), link("etc/l", target)]).ok).toBe(true);
  });
});
