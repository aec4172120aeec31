import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parentPath, type RelPath } from "../../../base/path-bytes.ts";
import type { FileEntry } from "../../../images/entry.ts";
import type { SyncAction } from "../../../images/sync/actions.ts";
import { makeSelection } from "../../../images/sync/exclude.ts";
import { parseRuleFile } from "../../../images/sync/filter-rules.ts";
import { planSync, summarise } from "../../../images/sync/plan.ts";

/** A model of a tree: names that point at inodes. */
interface Inode {
  kind: "file" | "directory" | "symlink";
  mode: number;
  uid: number;
  seconds: number;
  content: string;
}
type Tree = Map<RelPath, Inode>;

const inode = fc.record({
  kind: fc.constantFrom("file" as const, "file" as const, "directory" as const, "symlink" as const),
  mode: fc.constantFrom(0o644, 0o755),
  uid: fc.constantFrom(0, 1),
  seconds: fc.constantFrom(10, 20),
  content: fc.constantFrom("x", "yy", "zzz"),
});

const treePaths = ["a", "a-b", "a/b", "a/b/c", "a/c", "b", "b/a", "c", "d", "e"] as RelPath[];

/** Random trees over a fixed set of names, some of which share inodes. */
const tree: fc.Arbitrary<Tree> = fc
  .tuple(
    fc.array(fc.option(inode, { freq: 3 }), { minLength: treePaths.length, maxLength: treePaths.length }),
    fc.array(fc.tuple(fc.nat(treePaths.length - 1), fc.nat(treePaths.length - 1)), { maxLength: 5 }),
  )
  .map(([inodes, links]) => {
    const made: Tree = new Map();
    for (const [index, path] of treePaths.entries()) {
      const parent = parentPath(path);
      if (
        inodes[index] !== null &&
        inodes[index] !== undefined &&
        (parent === "" || made.get(parent)?.kind === "directory")
      ) {
        made.set(path, inodes[index]);
      }
    }
    for (const [from, to] of links) {
      const first = made.get(treePaths[from]!);
      if (first?.kind === "file" && made.get(treePaths[to]!)?.kind === "file") {
        made.set(treePaths[to]!, first);
      }
    }
    return made;
  });

function toEntries(model: Tree): FileEntry[] {
  const leaders = new Map<Inode, RelPath>();
  return [...model.keys()]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((path): FileEntry => {
      const node = model.get(path)!;
      const metadata = {
        path,
        mode: node.mode,
        uid: node.uid,
        gid: 0,
        mtime: { seconds: node.seconds, nanoseconds: 0 },
      };
      const leader = leaders.get(node);
      if (node.kind === "file" && leader !== undefined) {
        return { kind: "hardlink", ...metadata, target: leader };
      }
      leaders.set(node, path);
      if (node.kind === "file") {
        return { kind: "file", ...metadata, size: node.content.length, digest: node.content };
      }
      return node.kind === "directory"
        ? { kind: "directory", ...metadata }
        : { kind: "symlink", ...metadata, mode: 0o777, target: node.content };
    });
}

/** Carries a plan out on a model, as strictly as a filesystem would. */
function applyToModel(target: Tree, actions: readonly SyncAction[]): Tree {
  const result: Tree = new Map(target);
  const nodeOf = (entry: FileEntry): Inode => ({
    kind: entry.kind as "file",
    mode: entry.mode,
    uid: entry.uid,
    seconds: entry.mtime.seconds,
    content: entry.kind === "file" ? entry.digest! : entry.kind === "symlink" ? entry.target : "",
  });
  const deferred: SyncAction[] = [];
  for (const action of actions) {
    if (action.kind === "write") {
      const { entry } = action;
      if (entry.kind === "hardlink") {
        const leader = result.get(entry.target);
        if (leader === undefined) {
          throw new Error(`link to nothing: ${entry.target}`);
        }
        result.set(entry.path, leader);
      } else if (entry.kind === "directory" && result.get(entry.path)?.kind === "directory") {
        result.set(entry.path, nodeOf(entry));
      } else {
        result.set(entry.path, nodeOf(entry));
      }
    } else {
      deferred.push(action);
    }
  }
  for (const action of deferred) {
    if (action.kind === "metadata") {
      const node = result.get(action.entry.path)!;
      const changed = {
        ...node,
        mode: action.entry.mode,
        uid: action.entry.uid,
        seconds: action.entry.mtime.seconds,
      };
      for (const [path, other] of result) {
        if (other === node) {
          result.set(path, changed);
        }
      }
    } else if (action.kind === "delete") {
      const below = [...result.keys()].some((path) => path.startsWith(`${action.path}/`));
      if (below) {
        throw new Error(`directory is not empty: ${action.path}`);
      }
      result.delete(action.path);
    }
  }
  return result;
}

function plan(source: Tree, target: Tree): SyncAction[] {
  return [
    ...planSync({
      source: toEntries(source),
      target: toEntries(target),
      options: { deleteExtraneous: true },
    }),
  ];
}

describe("planSync()", () => {
  it("turns any target into the source, hard links included", () => {
    fc.assert(
      fc.property(tree, tree, (source, target) => {
        const result = applyToModel(target, plan(source, target));

        expect(toEntries(result)).toEqual(toEntries(source));
      }),
      { numRuns: 3000 },
    );
  });

  it("plans nothing for equal trees", () => {
    fc.assert(
      fc.property(tree, (source) => {
        expect(plan(source, source)).toEqual([]);
      }),
    );
  });

  it("neither writes nor deletes what is excluded, and keeps the directories that hold it", () => {
    const rules = fc.constantFrom("a/b", "/a/*", "c", "+ /a/b\n- /a/*", "a/", "b");
    fc.assert(
      fc.property(tree, tree, rules, (source, target, text) => {
        const parsed = parseRuleFile(text, "rules");
        const selection = makeSelection(parsed.ok ? parsed.value : []);
        const actions = [
          ...planSync({
            source: toEntries(source),
            target: toEntries(target),
            selection,
            options: { deleteExtraneous: true },
          }),
        ];
        const excludedThere = [...target].filter(([path, node]) =>
          selection.excludes(path, node.kind === "directory"),
        );
        for (const action of actions) {
          const path = action.kind === "delete" ? action.path : action.entry.path;
          const directory = action.kind === "delete" ? action.directory : action.entry.kind === "directory";
          expect([path, selection.excludes(path, directory)]).toEqual([path, false]);
          if (action.kind === "delete") {
            expect(excludedThere.filter(([held]) => held.startsWith(`${path}/`))).toEqual([]);
          }
        }
      }),
    );
  });

  it("names every reason for which an entry is touched", () => {
    const file = {
      kind: "file",
      path: "f" as RelPath,
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: { seconds: 1, nanoseconds: 5 },
      size: 3,
    } as const;
    const cases: [Partial<FileEntry>, string, string[]][] = [
      [{ mode: 0o600 }, "metadata", ["mode"]],
      [{ uid: 1 }, "metadata", ["owner"]],
      [{ gid: 1 }, "metadata", ["group"]],
      [{ mtime: { seconds: 1, nanoseconds: 6 } }, "write", ["content", "mtime"]],
      [{ size: 4 }, "write", ["content"]],
      [{ kind: "fifo" }, "write", ["type"]],
    ];
    for (const [change, kind, changes] of cases) {
      const target = { ...file, ...change } as FileEntry;
      expect([
        ...planSync({ source: [file], target: [target], options: { deleteExtraneous: true } }),
      ]).toEqual([{ kind, entry: file, changes }]);
    }
  });

  it("does not send a file whose time moved but whose digest did not", () => {
    const file = {
      kind: "file",
      path: "f" as RelPath,
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: { seconds: 1, nanoseconds: 5 },
      size: 3,
      digest: "d",
    } as const;
    const target: FileEntry = { ...file, mtime: { seconds: 9, nanoseconds: 0 } };

    const actions = [...planSync({ source: [file], target: [target], options: { deleteExtraneous: true } })];

    expect(actions).toEqual([{ kind: "metadata", entry: file, changes: ["mtime"] }]);
    expect(summarise(actions)).toEqual({ write: 0, metadata: 1, delete: 0, bytes: 0 });
  });
});

describe("planSync() beside what a listing does not show", () => {
  const directory = (path: string): FileEntry => ({
    kind: "directory",
    path: path as RelPath,
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtime: { seconds: 1, nanoseconds: 0 },
  });

  it("keeps a directory whose excluded content was not listed, and those above it", () => {
    const target = ["opt", "opt/keep", "opt/other"].map(directory);
    const unseen = new Set(["opt/keep"] as RelPath[]);

    const actions = [...planSync({ source: [], target, options: { deleteExtraneous: true, unseen } })];

    expect(actions).toEqual([{ kind: "delete", path: "opt/other", directory: true }]);
  });
});
