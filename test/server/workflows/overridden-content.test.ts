import { describe, expect, test } from "vitest";
import { parseRelPath, type RelPath, rootPath } from "../../../base/path-bytes.ts";
import type { FileEntry } from "../../../images/entry.ts";
import { type ImageName, type Manifest, parseImageName } from "../../../images/manifest.ts";
import { layOver } from "../../../images/overlay/lay.ts";
import { type VersionTable, VersionTableBuilder } from "../../../images/store/version-table.ts";
import { overriddenContent } from "../../../server/workflows/overridden-content.ts";

function image(): ImageName {
  const parsed = parseImageName("web");
  if (!parsed.ok) {
    throw new Error("no name");
  }
  return parsed.value;
}

function path(text: string): RelPath {
  const parsed = parseRelPath(text);
  if (!parsed.ok) {
    throw new Error(parsed.error);
  }
  return parsed.value;
}

/** Files by size, directories by `/`. */
function tree(entries: Readonly<Record<string, number | "/">>): VersionTable {
  const known = { mode: 0o755, uid: 0, gid: 0, mtime: { seconds: 1, nanoseconds: 0 }, extended: [] };
  const manifest: Manifest = {
    ...{ schema: 1, image: image(), number: 1, created: 0, message: "", source: {}, packs: [] },
    totals: { entries: 0, files: 0, bytes: 0, stored: 0 },
  };
  const listed: readonly FileEntry[] = [
    { kind: "directory", path: rootPath, ...known },
    ...Object.entries(entries).map(
      ([name, size]): FileEntry =>
        size === "/"
          ? { kind: "directory", path: path(name), ...known }
          : { kind: "file", path: path(name), size, ...known },
    ),
  ];
  const builder = new VersionTableBuilder(manifest, []);
  for (const entry of [...listed].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    builder.add({ entry, over: [] });
  }
  return builder.finish();
}

function contentOf(base: VersionTable, override: VersionTable, holes = 0) {
  const used = new Map([
    ["/", 1000],
    ["/var", 500],
  ]);
  const laid = layOver(base, [{ name: "all", table: override }]);
  const { used: now, growth } = overriddenContent({ table: base, used }, { tree: laid, holes });
  return { ...Object.fromEntries(now), growth };
}

describe("overriddenContent()", () => {
  const base = tree({
    etc: "/",
    "etc/conf": 300,
    var: "/",
    "var/www": "/",
    "var/www/a": 200,
    "var/www/b": 50,
  });

  test("counts what is laid where it comes to lie", () => {
    const override = tree({ srv: "/", "srv/data": 7000, var: "/", "var/more": 40 });

    expect(contentOf(base, override)).toEqual({ "/": 8000, "/var": 540, growth: 7040 });
  });

  test("takes off the file that is replaced, and a whole directory that gives way", () => {
    const override = tree({ etc: "/", "etc/conf": 310, var: "/", "var/www": 5 });

    expect(contentOf(base, override)).toEqual({ "/": 1010, "/var": 255, growth: 0 });
  });

  test("takes holes of the overrides off, for nobody says where they are", () => {
    const override = tree({ "sparse-file": 7000 });

    expect(contentOf(base, override, 6900)).toEqual({ "/": 1100, "/var": 500, growth: 100 });
  });
});
