import { describe, expect, test } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import type { FileEntry } from "../../../images/entry.ts";
import type { ImageName, Manifest } from "../../../images/manifest.ts";
import { laidTable } from "../../../images/overlay/laid-table.ts";
import { layOver } from "../../../images/overlay/lay.ts";
import { disturbedBy, isIdentity, replacedBy } from "../../../images/overlay/unpack.ts";
import { type VersionTable, VersionTableBuilder } from "../../../images/store/version-table.ts";
import { profileRules } from "../../../images/sync/profiles.ts";
import { withOverrides } from "../../../images/update/override-rules.ts";

const manifest: Manifest = {
  schema: 1,
  image: "web" as ImageName,
  number: 1,
  created: 0,
  message: "",
  source: {},
  totals: { entries: 0, files: 0, bytes: 0, stored: 0 },
  packs: [],
};

/** `dir/`, `link -> TARGET`, `name = LEADER` for a further name, `file:UID`. */
function tree(...lines: readonly string[]): VersionTable {
  const entries = ["./", ...lines].map((line): FileEntry => {
    const match = /^(.*?)(?: (->|=) (.*)|(\/)|:(\d+))?$/.exec(line);
    const [, name = "", sign, target = "", directory, uid] = match ?? [];
    const path = (name === "." ? "" : name) as RelPath;
    const known = { path, mode: 0o644, uid: Number(uid ?? 0), gid: 0, mtime: { seconds: 1, nanoseconds: 0 } };
    if (directory !== undefined) {
      return { kind: "directory", ...known };
    }
    if (sign === "->") {
      return { kind: "symlink", ...known, target };
    }
    return sign === "="
      ? { kind: "hardlink", ...known, target: target as RelPath }
      : { kind: "file", ...known, size: 0 };
  });
  const builder = new VersionTableBuilder(manifest, []);
  for (const entry of entries.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    builder.add({ entry, over: [] });
  }
  return builder.finish();
}

function shown(table: VersionTable): readonly string[] {
  return Array.from({ length: table.length }, (_, place) => {
    const entry = table.entryAt(place);
    const from = table.fromAt(place);
    const what =
      entry.kind === "directory"
        ? "/"
        : entry.kind === "symlink"
          ? ` -> ${entry.target}`
          : entry.kind === "hardlink"
            ? ` = ${entry.target}`
            : entry.uid === 0
              ? ""
              : `:${entry.uid}`;
    return `${entry.path}${what}${from === undefined ? "" : ` (${from})`}`;
  }).slice(1);
}

function over(base: VersionTable, ...layers: readonly (readonly string[])[]): readonly string[] {
  const named = layers.map((lines, index) => ({ name: `o${index + 1}`, table: tree(...lines) }));
  return shown(laidTable(base, layOver(base, named)));
}

describe("layOver()", () => {
  const cases: readonly (readonly [
    string,
    readonly string[],
    readonly (readonly string[])[],
    readonly string[],
  ])[] = [
    [
      "adds and replaces, the strongest last",
      ["a/", "a/x", "a/y"],
      [
        ["a/", "a/x:1", "a/z:1"],
        ["a/", "a/z:2"],
      ],
      ["a/ (o2)", "a/x:1 (o1)", "a/y", "a/z:2 (o2)"],
    ],
    ["puts a file in a directory's place", ["a/", "a-b", "a/x", "a0"], [["a:1"]], ["a:1 (o1)", "a-b", "a0"]],
    ["puts a directory in a file's place", ["a"], [["a/", "a/x:1"]], ["a/ (o1)", "a/x:1 (o1)"]],
    [
      "takes away what a weaker tree laid in a directory that goes",
      ["a/"],
      [["a/", "a/x:1"], ["a:2"], ["a/", "a/y:3"]],
      ["a/ (o3)", "a/y:3 (o3)"],
    ],
    [
      "goes through links to directories",
      ["lib -> usr/lib", "usr/", "usr/lib/"],
      [["lib/", "lib/x:1"]],
      ["lib -> usr/lib", "usr/", "usr/lib/", "usr/lib/x:1 (o1)"],
    ],
    [
      "goes through links of a weaker tree",
      ["b/"],
      [["a -> /b"], ["a/", "a/x:2"]],
      ["a -> /b (o1)", "b/", "b/x:2 (o2)"],
    ],
    [
      "stays in the tree where links climb",
      ["a -> ../../../b", "b/"],
      [["a/", "a/x:1"]],
      ["a -> ../../../b", "b/", "b/x:1 (o1)"],
    ],
    [
      "replaces links that lead nowhere, or in a circle",
      ["a -> gone", "b -> c", "c -> b"],
      [["a/", "a/x:1", "b/", "b/y:1"]],
      ["a/ (o1)", "a/x:1 (o1)", "b/ (o1)", "b/y:1 (o1)", "c -> b"],
    ],
    ["replaces a link by what is no directory", ["a -> b", "b/"], [["a:1"]], ["a:1 (o1)", "b/"]],
    [
      "gives the image's other names of an inode a new first one",
      ["a:7", "b = a", "c = a"],
      [["a:1"]],
      ["a:1 (o1)", "b:7", "c = b"],
    ],
    [
      "does so too where the first name goes with its directory",
      ["d/", "d/a:7", "e = d/a"],
      [["d:1"]],
      ["d:1 (o1)", "e:7"],
    ],
    [
      "keeps hard links within a tree, also where its first name is covered",
      ["x"],
      [["a:1", "b = a", "c = a"], ["a:2"]],
      ["a:2 (o2)", "b:1 (o1)", "c = b (o1)", "x"],
    ],
    [
      "keeps hard links that links to directories move",
      ["lib -> z", "z/"],
      [["lib/", "lib/a:1", "m = lib/a"]],
      ["lib -> z", "m:1 (o1)", "z/", "z/a = m (o1)"],
    ],
    ["leaves all as it is without trees", ["a", "b = a"], [], ["a", "b = a"]],
  ];

  test.each(cases)("%s", (_, base, layers, expected) => {
    expect(over(tree(...base), ...layers)).toEqual(expected);
  });

  test("shares the version's rows and leaves its own table as it was", () => {
    const base = tree("a", "b = a", "d/", "d/x");
    const before = shown(base);

    expect(over(base, ["a:1", "d:1"])).toEqual(["a:1 (o1)", "b", "d:1 (o1)"]);
    expect(over(base, ["d/", "d/y:2"])).toEqual(["a", "b = a", "d/ (o1)", "d/x", "d/y:2 (o1)"]);
    expect(shown(base)).toEqual(before);
  });
});

describe("what an unpacking needs", () => {
  const base = tree("d/", "d/x", "f", "lib -> usr", "usr/");
  const laid = layOver(base, [{ name: "o", table: tree("d:1", "f/", "lib/", "lib/y") }]);

  test("is told what stands in the way, and whose times it disturbs", () => {
    expect(replacedBy(base, laid)).toEqual(["d", "f"]);
    expect(disturbedBy(laidTable(base, laid), laid)).toEqual(["", "usr"]);
    expect(
      ["etc/hostname", "etc/ssh/ssh_host_rsa_key", "etc/motd"].map((path) => isIdentity(path as RelPath)),
    ).toEqual([true, true, false]);
  });
});

describe("withOverrides()", () => {
  const rules = [
    { text: "- /etc/ours", origin: "--exclude" },
    ...["identity", "volatile", "hardware"].flatMap((name) => profileRules(name as "identity")),
  ];

  test("lets profiles give way path by path, and says what stays out", () => {
    const base = tree("etc/", "home/");
    const layer = tree(
      "etc/",
      "etc/fstab",
      "etc/hostname",
      "etc/motd",
      "etc/ours",
      "home/",
      "home/anna/",
      "home/anna/k*y",
    );
    const all = withOverrides(rules, laidTable(base, layOver(base, [{ name: "o", table: layer }])));

    expect(all.rules.filter(({ origin }) => origin === "override o").map(({ text }) => text)).toEqual([
      "+ /etc/hostname",
      "+ /home/anna",
      "+ /home/anna/k\\*y",
      "- /home/anna/*",
    ]);
    expect(all.rules[0]?.text).toBe("- /etc/ours");
    expect(all.notes).toEqual([
      "/etc/fstab of override o is left alone by '- /etc/fstab' (profile:hardware: names the machine's filesystems)",
      "/etc/ours of override o is left alone by '- /etc/ours' (--exclude)",
    ]);
  });
});
