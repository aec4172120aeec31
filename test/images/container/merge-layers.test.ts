import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parentPath, type RelPath } from "../../../base/path-bytes.ts";
import { allSlices } from "../../../base/slices.ts";
import { mergeLayers } from "../../../images/container/merge-layers.ts";
import type { FileEntry } from "../../../images/entry.ts";
import type { ArchiveMember } from "../../../images/store/archive-plan.ts";
import { stagingName } from "../../../images/sync/listing.ts";

const plain = { mode: 0o644, uid: 0, gid: 0, mtime: { seconds: 1, nanoseconds: 0 }, extended: [] };

function member(
  path: string,
  kind: "file" | "directory" | "symlink" | "hardlink",
  target = "",
): ArchiveMember {
  const entry = { ...plain, kind, path, target, size: 1 } as unknown as FileEntry;
  return { entry, dataLength: kind === "file" ? 1 : 0, offset: 0 };
}
const file = (path: string) => member(path, "file");
const folder = (path: string) => member(path, "directory");

/** `path=layer.ordinal` of files, `path/` of directories, `path>target` of links. */
function shown(layers: readonly (readonly ArchiveMember[])[]): string {
  const plan = allSlices(mergeLayers(layers));
  if (!plan.ok) {
    return `refused ${plan.error.path} of layer ${plan.error.layer}: ${plan.error.message}`;
  }
  const { directories, others } = plan.value;
  return [
    ...directories.filter(({ path }) => path !== "").map(({ path }) => `${path}/`),
    ...others.map(({ entry, layer, ordinal }) =>
      entry.kind === "hardlink" ? `${entry.path}>${entry.target}` : `${entry.path}=${layer}.${ordinal}`,
    ),
  ]
    .sort((a, b) => (a < b ? -1 : 1))
    .join(" ");
}

describe("layers over each other", () => {
  it.each([
    ["a file is changed", [[file("a"), file("b")], [file("a")]], "a=1.0 b=0.1"],
    ["a file is removed", [[file("a"), file("b")], [file(".wh.a")]], "b=0.1"],
    ["a folder is removed with all that is in it", [[file("d/e/f"), file("g")], [file(".wh.d")]], "g=0.1"],
    ["a folder is removed and made again", [[file("d/old")], [file(".wh.d"), file("d/new")]], "d/ d/new=1.1"],
    [
      "a folder is emptied, not of what this layer brings",
      [[file("d/old")], [file("d/new"), file("d/.wh..wh..opq")]],
      "d/ d/new=1.0",
    ],
    ["a whiteout is only for the layers below", [[file("a")], [file(".wh.a"), file("a")]], "a=1.1"],
    ["a folder becomes a file", [[file("d/f")], [file("d")]], "d=1.0"],
    ["a link becomes a folder", [[member("d", "symlink", "/etc")], [file("d/f"), folder("d")]], "d/ d/f=1.0"],
    ["notes of a storage driver are passed over", [[file(".wh..wh.aufs"), file("a")]], "a=0.1"],
    ["a link to a file below", [[file("a")], [member("b", "hardlink", "a")]], "a=0.0 b>a"],
    [
      "a link keeps its content when the other name is changed",
      [[file("a"), member("b", "hardlink", "a")], [file("a")]],
      "a=1.0 b=0.0",
    ],
    [
      "a link keeps its content when the other name is removed",
      [[file("a"), member("b", "hardlink", "a")], [file(".wh.a")]],
      "b=0.0",
    ],
    [
      "a path below a link",
      [[member("l", "symlink", "/etc")], [file("l/passwd")]],
      "refused l/passwd of layer 1: it lies below 'l', which is a symlink",
    ],
    [
      "a path below a file of the same layer",
      [[file("d"), file("d/f")]],
      "refused d/f of layer 0: it lies below 'd', which is a file",
    ],
    [
      "a link to what is removed",
      [[file("a")], [file(".wh.a"), member("b", "hardlink", "a")]],
      "refused b of layer 1: it is a link to 'a', which is no file before it",
    ],
    [
      "a link to a folder",
      [[folder("d"), member("b", "hardlink", "d")]],
      "refused b of layer 0: it is a link to 'd', which is no file before it",
    ],
    [
      "a link to itself",
      [[file("a")], [member("a", "hardlink", "a")]],
      "refused a of layer 1: it is a link to 'a', which is no file before it",
    ],
    [
      "a name that Ingot needs",
      [[file(`${stagingName}/x`)]],
      `refused ${stagingName}/x of layer 0: '${stagingName}' is a name that Ingot needs`,
    ],
  ])("%s", (_what, layers, expected) => {
    expect(shown(layers)).toEqual(expected);
  });

  it("is what unpacking them one after the other makes", () => {
    const name = fc.constantFrom("a", "b");
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
    const hidden = path.map((text) => text.replace(/[^/]+$/, (last) => `.wh.${last}`));
    const emptied = path.map((text) => `${text}/.wh..wh..opq`);
    const members = fc.oneof(
      { weight: 4, arbitrary: path.map(file) },
      { weight: 2, arbitrary: path.map(folder) },
      fc.oneof(hidden, emptied).map(file),
    );
    const layers = fc.array(fc.uniqueArray(members, { maxLength: 6, selector: ({ entry }) => entry.path }), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(layers, (given) => {
        const plan = allSlices(mergeLayers(given));
        const wanted = unpacked(given);
        if (wanted === undefined) {
          expect(plan.ok).toBe(false);
          return;
        }
        expect(plan.ok).toBe(true);
        if (plan.ok) {
          const files = plan.value.others.map(({ entry, layer, ordinal }) => [
            entry.path,
            `${layer}.${ordinal}`,
          ]);
          expect(new Map(files as [string, string][])).toEqual(wanted.files);
          expect(new Set(plan.value.directories.map((entry) => entry.path))).toEqual(wanted.folders);
        }
      }),
      { numRuns: Number(process.env.INGOT_RUNS ?? 300) },
    );
  });
});

describe("many members", () => {
  it("are laid over each other in slices, none of which looks at more than some thousand", () => {
    const lower = Array.from({ length: 60_000 }, (_, index) => file(`d${index % 100}/f${index}`));
    const upper = Array.from({ length: 60_000 }, (_, index) => file(`d${index % 100}/.wh.f${index}`));
    const sliced = mergeLayers([lower, upper]);
    let slices = 0;
    let step = sliced.next();
    for (; step.done !== true; step = sliced.next()) {
      slices += 1;
    }

    // Reading both, taking away, adding, sorting: each in steps of five thousand.
    expect(slices).toBeGreaterThan(60);
    expect(step.value).toMatchObject({ ok: true, value: { others: [], bytes: 0 } });
  });
});

/** What an unpacker does, one member after the other; undefined where a layer contradicts itself. */
function unpacked(layers: readonly (readonly ArchiveMember[])[]) {
  const files = new Map<string, string>();
  const folders = new Set<string>([""]);
  const remove = (top: string, self: boolean): void => {
    for (const path of [...files.keys(), ...folders]) {
      if (path.startsWith(`${top}/`) || (self && path === top)) {
        files.delete(path);
        folders.delete(path);
      }
    }
  };
  for (const [layer, members] of layers.entries()) {
    const names = new Map(members.map(({ entry }) => [entry.path as string, entry.kind]));
    for (const { entry } of members) {
      const parent = parentPath(entry.path);
      if (entry.path.endsWith(".wh..wh..opq")) {
        remove(parent, false);
      } else if (/(?:^|\/)\.wh\.[^/]*$/.test(entry.path)) {
        remove(entry.path.replace(/\.wh\.([^/]*)$/, "$1"), true);
      }
    }
    for (const [ordinal, { entry }] of members.entries()) {
      if (entry.path.includes(".wh.")) {
        continue;
      }
      for (let at: RelPath = parentPath(entry.path); at !== ""; at = parentPath(at)) {
        const kind = names.get(at) ?? (files.has(at) ? "file" : "directory");
        if (kind !== "directory") {
          return undefined;
        }
        files.delete(at);
        folders.add(at);
      }
      if (entry.kind === "directory") {
        files.delete(entry.path);
        folders.add(entry.path);
      } else {
        remove(entry.path, true);
        files.set(entry.path, `${layer}.${ordinal}`);
      }
    }
  }
  return { files, folders };
}
