/** An update's plan as the files that images/update/client/apply.sh reads. */
import { baseName, parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry, Timestamp } from "../entry.ts";
import type { Change } from "../sync/actions.ts";
import { flagsOf } from "../sync/flags.ts";
import { touchesTools } from "./boot-steps.ts";
import type { DirectoryTime } from "./directories.ts";
import { mountOf } from "./mounts.ts";
import { overrideLine } from "./node-state.ts";
import type { UpdatePlan } from "./plan.ts";

export interface ControlFiles {
  /** File name in the control folder → content, one character per byte. */
  readonly files: ReadonlyMap<string, string>;
  /** Directories that are written: their metadata is unpacked in place, last. */
  readonly directories: readonly FileEntry[];
  /** Directories whose time is set again by the same way, and nothing else of them is changed. */
  readonly timed: readonly FileEntry[];
  /** Members of the version to send, by path. */
  readonly members: readonly RelPath[];
  /** Files to send as themselves although they are further names in the version. */
  readonly copies: readonly FileEntry[];
}

/** Writes the plan down. */
export function controlFiles(plan: UpdatePlan, options: { readonly bootloader: boolean }): ControlFiles {
  const actions = [...plan.actions];
  const writes = actions.flatMap((action) => (action.kind === "write" ? [action.entry] : []));
  const metadata = actions.filter((action) => action.kind === "metadata");
  const deletions = actions.flatMap((action) => (action.kind === "delete" ? [action] : []));
  const directories = writes.filter((entry) => entry.kind === "directory");
  const contents = writes.filter((entry) => entry.kind !== "directory");
  const replaced = new Set(plan.replaced);
  const arriving = new Set(plan.staged);
  const staged = new Set(contents.map((entry) => entry.path));
  const moved = unique(
    contents.filter((entry) => !replaced.has(entry.path)).map((entry) => parentPath(entry.path)),
  ).filter((path) => !arriving.has(path));
  const changed = actions.map((action) => (action.kind === "delete" ? action.path : action.entry.path));
  const written = new Set(changed);
  const mounts = mountsOf(plan, changed);
  const timed = plan.directoryTimes.filter(
    ({ path }) => !plan.mounts.includes(path) || mounts.includes(path) || written.has(path),
  );
  // A weak tar would cut the time.
  const isLoose = (each: DirectoryTime) => plan.dialect !== undefined || each.standing === undefined;
  const parents = unique(contents.map((entry) => parentPath(entry.path)));
  const lists = new Map<string, readonly string[]>([
    ["mounts", mounts.flatMap((mount) => [word(mount), String(neededKib(contents, { plan, mount }))])],
    ["mount-names", mounts.map(word)],
    ["parents", parents.map(inStaging)],
    [
      "links",
      contents.flatMap((entry) =>
        entry.kind === "hardlink"
          ? [staged.has(entry.target) ? inStaging(entry.target) : word(entry.target), inStaging(entry.path)]
          : [],
      ),
    ],
    ["patches", contents.flatMap((entry) => patchWords(entry, plan))],
    ["strip", plan.stripped.flatMap(({ path, name }) => [name, word(path)])],
    ["staged-directories", plan.staged.map(inStaging)],
    [
      "directories",
      directories
        .filter((entry) => entry.path !== "" && !arriving.has(entry.path))
        .map((entry) => word(entry.path)),
    ],
    ...ranks.flatMap((rank): (readonly [string, readonly string[]])[] => [
      [
        `replace.${rank}`,
        plan.replaced
          .filter((path) => rankOf(`${path}/`) === rank)
          .flatMap((path) => [word(mountOf(path, plan.mounts)), word(path)]),
      ],
      ...moveLists(rank, { moved, contents, replaced }),
    ]),
    ["delete-files", deletions.filter((each) => !each.directory).map((each) => word(each.path))],
    ["delete-directories", deletions.filter((each) => each.directory).map((each) => word(each.path))],
    [
      "times",
      [...metadata.map(({ entry }) => entry), ...looseLinks(contents, plan)].flatMap((entry) =>
        entry.kind === "directory" ? [] : [time(entry.mtime), word(entry.path)],
      ),
    ],
    ["directory-times", timed.filter(isLoose).flatMap((each) => [time(each.mtime), word(each.path)])],
    ["flags", flagged(writes, metadata)],
    ["touched", changed.map(word)],
    [
      "touched-directories",
      unique(changed.map(parentPath))
        .filter((path) => !written.has(path))
        .map(word),
    ],
    ["finish", finishOrder(plan, mounts)],
  ]);
  const files = new Map<string, string>();
  const owned = looseLinks(contents, plan).map((entry) => ({ entry, changes: ["owner"] as const }));
  for (const [name, words] of [...lists, ...ownersAndModes([...metadata, ...owned])]) {
    files.set(`lists/${name}`, words.map((each) => `${each}\0`).join(""));
  }
  // An update of one directory does not make the node this version.
  if (!plan.partial) {
    const over = plan.overrides.length === 0 ? "" : `${overrideLine(plan.overrides)}\n`;
    files.set("record", `${plan.image}@${plan.version}\n${over}`);
  }
  const attributes = actions.some((action) => action.kind === "write" && action.changes.includes("extended"));
  if (attributes || writes.some((entry) => (entry.extended?.length ?? 0) > 0)) {
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
    files,
    directories,
    timed: timed.flatMap((each) =>
      isLoose(each) || each.standing === undefined
        ? []
        : [{ ...each.standing, mtime: each.mtime, extended: [] }],
    ),
    members: contents
      .filter(
        (entry) => entry.kind !== "hardlink" && !plan.copies.has(entry.path) && !plan.patches.has(entry.path),
      )
      .map((entry) => entry.path),
    copies: contents.filter((entry) => plan.copies.has(entry.path)),
  };
}

/**
 * The root, whose staging folder holds the script, and the filesystems that something of the plan lies on: one that is read-only or full
 * does not matter where nothing is changed. What changes the mount's own directory is done on that filesystem too.
 */
function mountsOf(plan: UpdatePlan, changed: readonly RelPath[]): readonly RelPath[] {
  const touched = new Set<RelPath>();
  for (const path of plan.mounts.length === 1 ? [] : changed) {
    touched.add(plan.mounts.includes(path) ? path : mountOf(path, plan.mounts));
  }
  return plan.mounts.filter((mount) => mount === "" || touched.has(mount));
}

/** `FLAGS PATH …` of what is to be immutable or append-only in the end. */
function flagged(
  writes: readonly FileEntry[],
  metadata: readonly { readonly entry: FileEntry }[],
): readonly string[] {
  return [...writes, ...metadata.map(({ entry }) => entry)].flatMap((entry) => {
    const flags = flagsOf(entry.extended);
    return flags === "" ? [] : [flags, word(entry.path)];
  });
}

/** Links whose owners and times the node's tar may not set. */
function looseLinks(contents: readonly FileEntry[], plan: UpdatePlan): readonly FileEntry[] {
  return plan.dialect === undefined ? [] : contents.filter((entry) => entry.kind === "symlink");
}

/** A path as the lists have it: with `./` before it, so that no name is taken for an option. */
function word(path: RelPath): string {
  return path === "" ? "." : `./${path}`;
}

function inStaging(path: RelPath): string {
  return `./.ingot-staging/new/${path}`;
}

/** As touch -d reads it: a signed decimal, where a timestamp counts its nanoseconds upwards from the second below. */
function time(mtime: Timestamp): string {
  const before = mtime.seconds < 0 && mtime.nanoseconds > 0;
  const seconds = before ? -mtime.seconds - 1 : Math.abs(mtime.seconds);
  const nanoseconds = before ? 1_000_000_000 - mtime.nanoseconds : mtime.nanoseconds;
  return `@${mtime.seconds < 0 ? "-" : ""}${seconds}.${String(nanoseconds).padStart(9, "0")}`;
}

function neededKib(
  contents: readonly FileEntry[],
  place: { readonly plan: UpdatePlan; readonly mount: RelPath },
): number {
  let bytes = 0;
  for (const entry of contents) {
    if (entry.kind === "file" && mountOf(entry.path, place.plan.mounts) === place.mount) {
      bytes += entry.size + (place.plan.patches.get(entry.path)?.bytes ?? 0);
    }
  }
  return Math.ceil(bytes / 1024);
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

/** Owner and mode of entries whose content stands. A change of owner takes away setuid and setgid, and always capabilities. */
function ownersAndModes(
  metadata: readonly { readonly entry: FileEntry; readonly changes: readonly Change[] }[],
): readonly (readonly [string, readonly string[]])[] {
  const lists = new Map<string, string[]>();
  for (const { entry, changes } of metadata) {
    const owner = changes.includes("owner") || changes.includes("group");
    if (owner) {
      add(lists, `owner.${entry.uid}.${entry.gid}`, word(entry.path));
    }
    if (entry.kind !== "symlink" && (owner || changes.includes("mode"))) {
      add(lists, `mode.${entry.mode.toString(8).padStart(4, "0")}`, word(entry.path));
    }
  }
  return [...lists];
}

function add(lists: Map<string, string[]>, name: string, value: string): void {
  const list = lists.get(name);
  if (list === undefined) {
    lists.set(name, [value]);
  } else {
    list.push(value);
  }
}

/**
 * `move.RANK` names the directories that something is renamed into. Beside it, for machines that can rename many in one go: `renames.RANK`,
 * pairs of FROM and TO, in each directory the files before the symbolic links; and `ordered.RANK`, directories with libraries that have an
 * order of their own, which are not among the pairs.
 */
function moveLists(
  rank: number,
  names: {
    readonly moved: readonly RelPath[];
    readonly contents: readonly FileEntry[];
    readonly replaced: ReadonlySet<RelPath>;
  },
): readonly (readonly [string, readonly string[]])[] {
  const moved = names.moved.filter((path) => rankOf(`${path}/`) === rank);
  const entries = new Map(moved.map((path) => [path, { files: [] as RelPath[], links: [] as RelPath[] }]));
  const ordered = new Set<RelPath>();
  for (const entry of names.contents) {
    const parent = parentPath(entry.path);
    const list = names.replaced.has(entry.path) ? undefined : entries.get(parent);
    if (list !== undefined) {
      (entry.kind === "symlink" ? list.links : list.files).push(entry.path);
      if (/^(ld[-0-9]|ld\.so|lib(c|pthread|dl|m|rt)[.-])/.test(baseName(entry.path))) {
        ordered.add(parent);
      }
    }
  }
  const pairs = [...entries]
    .filter(([path]) => !ordered.has(path))
    .flatMap(([, { files, links }]) => [...files, ...links].flatMap((path) => [inStaging(path), word(path)]));
  return [
    [`move.${rank}`, moved.map(word)],
    [`renames.${rank}`, pairs],
    [`ordered.${rank}`, [...ordered].map(word)],
  ];
}

/** The order of renaming: loaders, libraries, programs and the rest, and boot menus after the kernels that they name. */
const ranks = [0, 1, 2, 3] as const;

function rankOf(directory: string): (typeof ranks)[number] {
  if (/^(usr\/)?lib(32|64|x32)\//.test(directory)) {
    return 0;
  }
  if (/^(usr\/)?lib\//.test(directory)) {
    return 1;
  }
  return /^boot\/(grub2?|loader|efi)\//.test(directory) ? 3 : 2;
}

/** Filesystems, the root last: its staging folder holds the script. */
function finishOrder(plan: UpdatePlan, mounts: readonly RelPath[]): readonly string[] {
  const times = new Map(plan.directoryTimes.map((each) => [each.path, time(each.mtime)]));
  return [...mounts].reverse().flatMap((mount) => [times.get(mount) ?? "now", word(mount)]);
}

function unique(paths: readonly RelPath[]): readonly RelPath[] {
  return [...new Set(paths)].sort((a, b) => (a < b ? -1 : 1));
}
