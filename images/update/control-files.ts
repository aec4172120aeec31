/** An update's plan as the files that images/update/client/apply.sh reads. */
import { parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import { flagsOf } from "../sync/flags.ts";
import type { ActionRows } from "../sync/plan-tables.ts";
import { touchesTools } from "./boot-steps.ts";
import type { DirectoryTime } from "./directories.ts";
import { mountOf } from "./mounts.ts";
import { overrideLine } from "./node-state.ts";
import type { UpdatePlan } from "./plan.ts";
import { PlanParts, type Renames, rankOf, ranks, timeWord } from "./plan-parts.ts";

export interface ControlFiles {
  /**
   * The words of each list, each of which is ended by a NUL. They are made whenever they are gone through: of a million files they are
   * over a hundred megabytes.
   */
  readonly lists: ReadonlyMap<string, Iterable<string>>;
  /** File name in the control folder → content, one character per byte. */
  readonly files: ReadonlyMap<string, string>;
  /** Directories that are written: their metadata is unpacked in place, last. */
  readonly directories: Iterable<FileEntry>;
  /** Directories whose time is set again by the same way, and nothing else of them is changed. */
  readonly timed: readonly FileEntry[];
  /** Members of the version to send, by path. */
  readonly members: Iterable<RelPath>;
  /** Files to send as themselves although they are further names in the version. */
  readonly copies: readonly FileEntry[];
}

/** Writes the plan down. */
export function controlFiles(plan: UpdatePlan, options: { readonly bootloader: boolean }): ControlFiles {
  const parts = new PlanParts(plan);
  const arriving = new Set(plan.staged);
  const mounts = plan.mounts.filter((mount) => mount === "" || parts.needed.has(mount));
  const timed = plan.directoryTimes.filter(
    ({ path }) => !plan.mounts.includes(path) || mounts.includes(path) || parts.named.has(path),
  );
  // A weak tar would cut the time.
  const isLoose = (each: DirectoryTime) => plan.dialect !== undefined || each.standing === undefined;
  const moved = sorted(parts.moved);
  const lists = new Map<string, Iterable<string>>([
    // The root, whose staging folder holds the script, and the filesystems that something of the plan lies on: one that is read-only
    // or full does not matter where nothing is changed.
    ["mounts", mounts.flatMap((mount) => [word(mount), kib(parts.needed.get(mount) ?? 0)])],
    ["mount-names", mounts.map(word)],
    ["parents", sorted(parts.parents).map(inStaging)],
    ["links", again(() => linkWords(parts))],
    ["patches", parts.patched.flatMap((entry) => patchWords(entry, plan))],
    ["strip", plan.stripped.flatMap(({ path, name }) => [name, word(path)])],
    ["staged-directories", plan.staged.map(inStaging)],
    ["directories", again(() => words(parts.directories, (path) => path !== "" && !arriving.has(path)))],
    ...ranks.flatMap((rank): (readonly [string, Iterable<string>])[] => [
      [
        `replace.${rank}`,
        plan.replaced
          .filter((path) => rankOf(path) === rank)
          .flatMap((path) => [word(mountOf(path, plan.mounts)), word(path)]),
      ],
      // The directories that something is renamed into; beside it, for machines that can rename many in one go, pairs of FROM and TO,
      // and the directories that must be gone through one by one, which have none of those.
      [`move.${rank}`, moved.filter((path) => rankOf(path) === rank).map(word)],
      [`renames.${rank}`, again(() => renameWords(parts.renames[rank] as Renames, parts.ordered))],
      [`ordered.${rank}`, [...parts.ordered].filter((path) => rankOf(path) === rank).map(word)],
    ]),
    ["delete-files", again(() => words(parts.deletedFiles))],
    ["delete-directories", again(() => words(parts.deletedDirectories))],
    ["times", again(() => singleTimes(parts))],
    ...[...parts.times]
      .filter(([, rows]) => rows.length > 1)
      .map(([name, rows]) => [`time.${name}`, again(() => words(rows))] as const),
    ["directory-times", timed.filter(isLoose).flatMap((each) => [timeWord(each.mtime), word(each.path)])],
    ["flags", again(() => flagWords(parts.flagged))],
    ["touched", again(() => words(parts.all))],
    [
      "touched-directories",
      sorted(parts.touched)
        .filter((path) => !parts.named.has(path))
        .map(word),
    ],
    ["finish", finishOrder(plan, mounts)],
    ...[...parts.grants].map(([name, rows]) => [name, again(() => words(rows))] as const),
  ]);
  const files = new Map<string, string>();
  // An update of one directory does not make the node this version.
  if (!plan.partial) {
    const over = plan.overrides.length === 0 ? "" : `${overrideLine(plan.overrides)}\n`;
    files.set("record", `${plan.image}@${plan.version}\n${over}`);
  }
  if (parts.extended) {
    files.set("extended", "");
  }
  if (touchesTools(plan.actions)) {
    const places = plan.replaced.filter((path) => /^(usr|(usr\/)?(s?bin|lib[^/]*))$/.test(path));
    files.set("own-tools", places.map((path) => `${word(path)}\n`).join(""));
  }
  if (options.bootloader) {
    files.set("boot-steps", plan.bootSteps.map((step) => `${step}\n`).join(""));
  }
  return {
    lists,
    files,
    directories: again(() => parts.directories.entries()),
    timed: timed.flatMap((each) =>
      isLoose(each) || each.standing === undefined
        ? []
        : [{ ...each.standing, mtime: each.mtime, extended: [] }],
    ),
    members: again(() => parts.members.paths()),
    copies: parts.copies,
  };
}

/** What can be gone through again and again. */
function again<T>(go: () => Iterator<T>): Iterable<T> {
  return { [Symbol.iterator]: go };
}

function* words(rows: ActionRows, is: (path: RelPath) => boolean = () => true): Generator<string> {
  for (const path of rows.paths()) {
    if (is(path)) {
      yield word(path);
    }
  }
}

function* linkWords({ hardLinks, contents }: PlanParts): Generator<string> {
  for (const entry of hardLinks.entries()) {
    if (entry.kind === "hardlink") {
      yield contents.has(entry.target) ? inStaging(entry.target) : word(entry.target);
      yield inStaging(entry.path);
    }
  }
}

/** Files before the symbolic links that may name them. */
function* renameWords({ files, links }: Renames, ordered: ReadonlySet<RelPath>): Generator<string> {
  for (const rows of [files, links]) {
    for (const path of rows.paths()) {
      if (ordered.size === 0 || !ordered.has(parentPath(path))) {
        yield inStaging(path);
        yield word(path);
      }
    }
  }
}

/** Those that nothing else has. */
function* singleTimes({ times, timed }: PlanParts): Generator<string> {
  for (const rows of times.values()) {
    if (rows.length === 1) {
      yield* timeWords(rows);
    }
  }
  yield* timeWords(timed);
}

function* timeWords(rows: ActionRows): Generator<string> {
  for (const entry of rows.entries()) {
    yield timeWord(entry.mtime);
    yield word(entry.path);
  }
}

function* flagWords(rows: ActionRows): Generator<string> {
  for (const entry of rows.entries()) {
    yield flagsOf(entry.extended);
    yield word(entry.path);
  }
}

/** A path as the lists have it: with `./` before it, so that no name is taken for an option. */
function word(path: RelPath): string {
  return path === "" ? "." : `./${path}`;
}

function inStaging(path: RelPath): string {
  return `./.ingot-staging/new/${path}`;
}

function kib(bytes: number): string {
  return String(Math.ceil(bytes / 1024));
}

/** A file that is made of its standing self and changed blocks: runs are FIRST+COUNT, `x` is for "has attributes". */
function patchWords(entry: FileEntry, plan: UpdatePlan): readonly string[] {
  const patch = plan.patches.get(entry.path);
  return patch === undefined || entry.kind !== "file"
    ? []
    : [
        word(mountOf(entry.path, plan.mounts)),
        word(entry.path),
        word(patch.base),
        `${patch.block} ${entry.size} ${patch.program} ${patch.proof} ${(entry.extended?.length ?? 0) > 0 ? "x" : "-"}`,
        patch.runs.map((run) => `${run.first}+${run.count}`).join(" "),
        patch.seen,
      ];
}

/** Filesystems, the root last: its staging folder holds the script. */
function finishOrder(plan: UpdatePlan, mounts: readonly RelPath[]): readonly string[] {
  const times = new Map(plan.directoryTimes.map((each) => [each.path, timeWord(each.mtime)]));
  return [...mounts].reverse().flatMap((mount) => [times.get(mount) ?? "now", word(mount)]);
}

function sorted(paths: Iterable<RelPath>): readonly RelPath[] {
  return [...paths].sort((a, b) => (a < b ? -1 : 1));
}
