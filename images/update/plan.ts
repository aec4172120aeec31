/** Decides what an update does to a node: a version's entries against the node's listing, under the rules. */
import { escapePath, isWithin, parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { BlockRun } from "../capture/block-plan.ts";
import type { FileEntry, ListedEntry, Timestamp } from "../entry.ts";
import type { ImageName } from "../manifest.ts";
import type { PlanSummary, ResolvedRule, SyncAction } from "../sync/actions.ts";
import { capturePrune, makeSelection } from "../sync/exclude.ts";
import { flagsKey } from "../sync/flags.ts";
import { planSync, summarise } from "../sync/plan.ts";
import type { TarDialect } from "../tar/gnu-encode.ts";
import { isSuspect } from "./questions.ts";

/** What an update will do to a node: printed by `--dry-run` and `drift`, carried out by a bundle. */
export interface UpdatePlan {
  readonly image: ImageName;
  readonly version: number;
  /** Nothing outside of this directory is touched. */
  readonly directory: RelPath;
  /** Ordered: writes and metadata by path, then deletions, children first. */
  readonly actions: readonly SyncAction[];
  readonly summary: PlanSummary;
  readonly rules: readonly ResolvedRule[];
  /** Filesystems of the node, by mount point, the root `""` first: what goes there is staged there. */
  readonly mounts: readonly RelPath[];
  /** What stands on the node and changes between a directory and something else, parents only. */
  readonly replaced: readonly RelPath[];
  /** Directories that come with all that is in them where something else stands, parents first. */
  readonly staged: readonly RelPath[];
  /** Names that share an inode in the image and cannot on the node, with the name that has the content. */
  readonly copies: ReadonlyMap<RelPath, RelPath>;
  /** Directories whose times the update disturbs, with the times they get back. */
  readonly directoryTimes: readonly { readonly path: RelPath; readonly mtime: Timestamp }[];
  /** Extended attributes that directories of the node have and the version's have not. */
  readonly stripped: readonly { readonly path: RelPath; readonly name: string }[];
  /** Large files of which only changed blocks are sent. */
  readonly patches: ReadonlyMap<RelPath, FilePatch>;
  /** What has to be made anew after the files are in place. */
  readonly bootSteps: readonly BootStep[];
  readonly notes: readonly string[];
  /** How the node's tar wants to have members written; absent where it reads what the store has. */
  readonly dialect?: TarDialect;
}

/** How a large file is made on the node from what stands there. */
export interface FilePatch {
  /** Bytes of a block. */
  readonly block: number;
  /** The name on the node that the other blocks are read from. */
  readonly base: RelPath;
  /** SHA-256 of the whole, in the end. */
  readonly digest: string;
  /** Blocks that are sent, in order. */
  readonly runs: readonly BlockRun[];
  readonly bytes: number;
}

export type BootStep = "initramfs" | "boot-loader";

export interface UpdatePlanInput {
  readonly image: ImageName;
  readonly version: number;
  /** The version's entries, sorted by path. */
  readonly entries: readonly FileEntry[];
  /** The node's listing, sorted by path, hard links resolved. */
  readonly listed: readonly ListedEntry[];
  readonly rules: readonly ResolvedRule[];
  /** Only what is in this directory; everything unless told. */
  readonly directory?: RelPath;
  readonly noDelete?: boolean;
  readonly noBootloader?: boolean;
  /** Steps that an earlier update could not do. */
  readonly bootStepsDue?: readonly string[];
  /** When the node was last brought to a version, by its own clock; absent where it never was. */
  readonly syncedAt?: Timestamp;
  /** True where the version that the node was last given has other attributes or content than this one. */
  readonly changedBefore?: (path: RelPath) => boolean;
}

/** Plans an update. */
export function planUpdate(input: UpdatePlanInput): UpdatePlan {
  const selection = makeSelection(input.rules);
  // A mount point whose content is left alone (/proc, a network filesystem, /tmp) needs no staging folder.
  const mounts = mountPoints(input.listed).filter((mount) => mount === "" || !isLeftAlone(mount));
  /** Whether all that may be in a directory is left alone, as in /proc and /tmp. */
  function isLeftAlone(directory: RelPath): boolean {
    const path = `${directory}/any name` as RelPath;
    return (
      selection.excludes(path, false) &&
      (selection.protects(path, false) || selection.protects(directory, true))
    );
  }
  const within = input.directory ?? ("" as RelPath);
  const { source, copies } = splitLinks(
    input.entries.filter((entry) => entry.kind !== "socket" && isWithin(entry.path, within)),
    mounts,
  );
  const listed = input.listed.filter((each) => isWithin(each.entry.path, within));
  const byPath = new Map(listed.map((each) => [each.entry.path, each]));
  const planned = [
    ...planSync({
      source,
      target: listed.map((each) => each.entry),
      selection,
      options: {
        deleteExtraneous: input.noDelete !== true,
        recheck: (entry, standing) =>
          isSuspect(entry, { standing, listed: byPath.get(entry.path), suspicion: input }),
        // The node's listing does not descend into these, so what keeps them is not in it.
        unseen: new Set(capturePrune(input.rules).map(({ path }) => path)),
      },
    }),
  ];
  const held = heldDirectories(listed, ({ path, kind }) => {
    const directory = kind === "directory";
    return selection.excludes(path, directory) || selection.protects(path, directory);
  });
  const blocked = new Set<RelPath>();
  const replaced: RelPath[] = [];
  const staged = new Set<RelPath>();
  for (const action of planned) {
    if (action.kind === "write" && action.entry.kind === "directory") {
      const { path } = action.entry;
      const standing = byPath.get(path);
      if (staged.has(parentPath(path))) {
        staged.add(path);
      } else if (standing !== undefined && standing.entry.kind !== "directory") {
        staged.add(path);
        replaced.push(path);
      }
    }
    if (
      action.kind === "write" &&
      action.entry.kind !== "directory" &&
      isDirectory(byPath.get(action.entry.path))
    ) {
      const { path } = action.entry;
      if (held.has(path) || input.noDelete === true || mounts.includes(path)) {
        blocked.add(path);
      } else {
        replaced.push(path);
      }
    }
  }
  const gone = new Set(replaced);
  const chosen = planned.filter((action) =>
    action.kind === "delete"
      ? !hasAncestor(action.path, gone) && !mounts.includes(action.path)
      : !blocked.has(action.entry.path) &&
        // An initramfs is made on the node. The image's own takes its place only where it is the newer one.
        !(input.noBootloader !== true && isNewerInitramfs(byPath.get(action.entry.path), action.entry)),
  );
  // The time of /tmp alone is no reason for an update.
  const actions = chosen.every((action) => isTimeOfScratch(action)) ? [] : chosen;
  return {
    image: input.image,
    version: input.version,
    directory: within,
    actions,
    summary: summarise(actions),
    rules: input.rules,
    mounts,
    replaced,
    staged: [...staged],
    copies,
    directoryTimes: directoryTimes(actions, { source, mounts }),
    stripped: actions.flatMap((action) => strippedOf(action, byPath)),
    patches: new Map(),
    bootSteps: input.noBootloader === true ? [] : bootSteps(actions, input.bootStepsDue ?? []),
    notes: [...blocked].map(
      (path) =>
        `/${escapePath(path)} stays a directory: it holds what must not be deleted, and the image has something else there`,
    ),
  };
}

function strippedOf(action: SyncAction, listed: ReadonlyMap<RelPath, ListedEntry>): UpdatePlan["stripped"] {
  if (action.kind !== "write" || action.entry.kind !== "directory") {
    return [];
  }
  const { path, extended } = action.entry;
  const kept = new Set((extended ?? []).map(([key]) => key));
  return (listed.get(path)?.entry.extended ?? []).flatMap(([key]) =>
    kept.has(key) || key === flagsKey ? [] : [{ path, name: key.replace(/^SCHILY\.xattr\./, "") }],
  );
}

/** The plan with those files sent as blocks. */
export function withPatches(plan: UpdatePlan, patches: ReadonlyMap<RelPath, FilePatch>): UpdatePlan {
  let bytes = 0;
  for (const action of plan.actions) {
    if (action.kind === "write" && action.entry.kind === "file") {
      bytes += patches.get(action.entry.path)?.bytes ?? action.entry.size;
    }
  }
  return { ...plan, patches, summary: { ...plan.summary, bytes } };
}

/** Directories that lie on another filesystem than their parent; the root comes first. */
function mountPoints(listed: readonly ListedEntry[]): readonly RelPath[] {
  const devices = new Map<RelPath, string>();
  const mounts: RelPath[] = ["" as RelPath];
  for (const { entry, inode } of listed) {
    if (entry.kind === "directory") {
      const device = inode.split(":")[0] ?? "";
      devices.set(entry.path, device);
      const above = devices.get(parentPath(entry.path));
      if (entry.path !== "" && above !== undefined && above !== device) {
        mounts.push(entry.path);
      }
    }
  }
  return mounts;
}

/** The mount point that a path lies on. */
export function mountOf(path: RelPath, mounts: readonly RelPath[]): RelPath {
  let best = "" as RelPath;
  for (const mount of mounts) {
    if (mount.length > best.length && isWithin(path, mount) && path !== mount) {
      best = mount;
    }
  }
  return best;
}

/** Names that share an inode in the image but lie on different filesystems of the node become files of their own. */
function splitLinks(
  entries: readonly FileEntry[],
  mounts: readonly RelPath[],
): { readonly source: readonly FileEntry[]; readonly copies: ReadonlyMap<RelPath, RelPath> } {
  const copies = new Map<RelPath, RelPath>();
  if (mounts.length === 1) {
    return { source: entries, copies };
  }
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const source = entries.map((entry): FileEntry => {
    const leader = entry.kind === "hardlink" ? byPath.get(entry.target) : undefined;
    if (leader?.kind !== "file" || mountOf(entry.path, mounts) === mountOf(leader.path, mounts)) {
      return entry;
    }
    copies.set(entry.path, leader.path);
    return { ...leader, path: entry.path };
  });
  return { source, copies };
}

function heldDirectories(
  listed: readonly ListedEntry[],
  excluded: (entry: FileEntry) => boolean,
): ReadonlySet<RelPath> {
  const held = new Set<RelPath>();
  for (const { entry } of listed) {
    if (excluded(entry)) {
      for (let path = parentPath(entry.path); path !== "" && !held.has(path); path = parentPath(path)) {
        held.add(path);
      }
    }
  }
  return held;
}

function isNewerInitramfs(standing: ListedEntry | undefined, entry: FileEntry): boolean {
  return (
    /^boot\/(initrd|initramfs)[^/]*$/.test(entry.path) &&
    entry.kind === "file" &&
    standing?.entry.kind === "file" &&
    standing.entry.mtime.seconds > entry.mtime.seconds
  );
}

/** The time of a directory like /tmp moves whenever anybody makes a file there. */
function isTimeOfScratch(action: SyncAction): boolean {
  if (action.kind === "delete") {
    return false;
  }
  const { entry } = action;
  return (
    entry.kind === "directory" &&
    (entry.mode & 0o1002) === 0o1002 &&
    action.changes.every((change) => change === "mtime")
  );
}

function isDirectory(listed: ListedEntry | undefined): boolean {
  return listed?.entry.kind === "directory";
}

function hasAncestor(path: RelPath, ancestors: ReadonlySet<RelPath>): boolean {
  for (let parent = parentPath(path); parent !== ""; parent = parentPath(parent)) {
    if (ancestors.has(parent)) {
      return true;
    }
  }
  return false;
}

function directoryTimes(
  actions: readonly SyncAction[],
  context: { readonly source: readonly FileEntry[]; readonly mounts: readonly RelPath[] },
): UpdatePlan["directoryTimes"] {
  // Where the node notes what it was brought to.
  const touched = new Set<RelPath>([...context.mounts, "etc/systemimager" as RelPath]);
  for (const action of actions) {
    const path = action.kind === "delete" ? action.path : action.entry.path;
    if (action.kind !== "metadata") {
      touched.add(parentPath(path));
    }
    if (action.kind !== "delete" && action.entry.kind === "directory") {
      touched.add(path);
    }
  }
  return context.source
    .filter((entry) => entry.kind === "directory" && touched.has(entry.path))
    .map((entry) => ({ path: entry.path, mtime: entry.mtime }));
}

const initramfsSources =
  /^(boot\/(vmlinuz|kernel|Image|System\.map|initrd|initramfs)|(usr\/)?lib\/modules\/|etc\/(initramfs-tools|dracut\.conf|mkinitcpio|modprobe\.d|crypttab|mdadm|lvm)|usr\/share\/initramfs-tools\/)/;
const bootMenuSources =
  /^(boot\/(vmlinuz|kernel|Image|initrd|initramfs|grub|loader)|etc\/(default\/grub|grub\.d\/))/;

function bootSteps(actions: readonly SyncAction[], due: readonly string[]): readonly BootStep[] {
  const paths = actions
    .filter((action) => action.kind !== "metadata")
    .map((action) => (action.kind === "delete" ? action.path : action.entry.path));
  const needed = (step: BootStep, sources: RegExp) =>
    due.includes(step) || paths.some((path) => sources.test(path)) ? [step] : [];
  return [...needed("initramfs", initramfsSources), ...needed("boot-loader", bootMenuSources)];
}

const toolPlaces = /^((usr\/)?(s?bin|lib[^/]*)|etc\/ld\.so[^/]*|usr)(\/|$)/;

/** Whether an update touches programs or libraries that it may itself be using. */
export function touchesTools(plan: Pick<UpdatePlan, "actions">): boolean {
  return plan.actions.some((action) =>
    toolPlaces.test(action.kind === "delete" ? action.path : action.entry.path),
  );
}
