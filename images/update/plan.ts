/** Decides what an update does to a node: a version's entries against the node's listing, under the rules. */
import { escapePath, isWithin, parentPath, type RelPath, rootPath } from "../../base/path-bytes.ts";
import type { BlockRun } from "../capture/block-plan.ts";
import type { FileEntry, Timestamp } from "../entry.ts";
import type { ImageName, VersionId } from "../manifest.ts";
import type { DigestProgram } from "../remote/block-digests.ts";
import type { VersionTable } from "../store/version-table.ts";
import type { PlanSummary, ResolvedRule, SyncAction } from "../sync/actions.ts";
import { attributeSelection } from "../sync/attribute-rules.ts";
import { sameExtended } from "../sync/compare.ts";
import { capturePrune, makeSelection } from "../sync/exclude.ts";
import { summarise } from "../sync/plan.ts";
import { type ActionTable, planTables } from "../sync/plan-tables.ts";
import type { TarDialect } from "../tar/gnu-encode.ts";
import { type BootStep, bootSteps, isNewerInitramfs } from "./boot-steps.ts";
import { type DirectoryTime, directoryTimes, isTimeOfScratch, strippedOf } from "./directories.ts";
import { copiedLinks, mountPoints } from "./mounts.ts";
import type { NodeListing } from "./node-listing.ts";
import { isSuspect, type Suspicion } from "./questions.ts";
import { typeChanges } from "./type-changes.ts";

/** What an update will do to a node: printed by `--dry-run` and `drift`, carried out by a bundle. */
export interface UpdatePlan {
  readonly image: ImageName;
  readonly version: number;
  /** What lies over it, the weakest first. */
  readonly overrides: readonly VersionId[];
  /** Of what the actions write: the override that it comes from. */
  readonly sources: ReadonlyMap<RelPath, string>;
  /** Nothing outside of this directory is touched. */
  readonly directory: RelPath;
  /** Whether only a part of the version is brought to the node, so that it is not said to have it afterwards. */
  readonly partial: boolean;
  /** Ordered: writes and metadata by path, then deletions, children first. */
  readonly actions: ActionTable;
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
  readonly directoryTimes: readonly DirectoryTime[];
  /** Extended attributes that directories of the node have and the version's have not. */
  readonly stripped: readonly { readonly path: RelPath; readonly name: string }[];
  /** Large files of which only changed blocks are sent. */
  readonly patches: ReadonlyMap<RelPath, FilePatch>;
  /** What has to be made anew after the files are in place. */
  readonly bootSteps: readonly BootStep[];
  readonly notes: readonly string[];
  /** How the node's tar wants to have members written; absent where it reads what the store has. */
  readonly dialect?: TarDialect;
  /** Rules on attributes decide which what is written has: not those that the version's members have. */
  readonly ownAttributes: boolean;
}

/** How a large file is made on the node from what stands there. */
export interface FilePatch {
  /** Bytes of a block. */
  readonly block: number;
  /** The name on the node that the other blocks are read from. */
  readonly base: RelPath;
  /** Device, inode, change time and size of it before its blocks were digested, as find prints `%D:%i %C@ %s`; empty where that would tell nothing. */
  readonly seen: string;
  /** Digests the blocks on the node. */
  readonly program: DigestProgram;
  /** Stands for the digests of all blocks of the whole, in the end. */
  readonly proof: string;
  /** Blocks that are sent, in order. */
  readonly runs: readonly BlockRun[];
  readonly bytes: number;
}

export interface UpdatePlanInput {
  readonly image: ImageName;
  readonly version: number;
  /** What lies over the version in `wanted`. */
  readonly overrides?: readonly VersionId[];
  readonly wanted: VersionTable;
  readonly node: NodeListing;
  /** An entry as the node can hold it, where it cannot hold everything: attributes or fractions of a second. */
  readonly kept?: (entry: FileEntry) => FileEntry;
  readonly attributesKept?: NonNullable<Suspicion["attributesKept"]>;
  readonly rules: readonly ResolvedRule[];
  /** Only what is in this directory; everything unless told. */
  readonly directory?: RelPath;
  readonly noDelete?: boolean;
  /** Only what overrides lay. */
  readonly overridesOnly?: boolean;
  readonly noBootloader?: boolean;
  /** Steps that an earlier update could not do. */
  readonly bootStepsDue?: readonly string[];
  /** When the node was last brought to a version, by its own clock; absent where it never was. */
  readonly syncedAt?: Timestamp;
  /** True for places of this version whose attributes or content are others in the version that the node was last given. */
  readonly changedBefore?: (place: number) => boolean;
}

/** Plans an update. */
export function planUpdate(input: UpdatePlanInput): UpdatePlan {
  const selection = makeSelection(input.rules);
  const { wanted, node, kept = asItIs } = input;
  // A mount point whose content is left alone (/proc, a network filesystem, /tmp) needs no staging folder.
  const mounts = mountPoints(node.table).filter((mount) => mount === "" || !isLeftAlone(mount));
  /** Whether all that may be in a directory is left alone, as in /proc and /tmp. */
  function isLeftAlone(directory: RelPath): boolean {
    const path = `${directory}/any name` as RelPath;
    return (
      selection.excludes(path, false) &&
      (selection.protects(path, false) || selection.protects(directory, true))
    );
  }
  const within = input.directory ?? rootPath;
  const { overrides: sources } = wanted;
  const attributes = attributeSelection(input.rules);
  /** With the attributes that it will have on the node. */
  function settled(entry: FileEntry): FileEntry {
    if (attributes === undefined || entry.extended === undefined) {
      return entry;
    }
    const standing = node.find(entry.path)?.entry.extended ?? [];
    const extended = attributes.settled(entry.path, { source: entry.extended, standing });
    return extended === entry.extended ? entry : { ...entry, extended };
  }
  const concerns = (path: RelPath) =>
    isWithin(path, within) && (input.overridesOnly !== true || sources.has(path));
  const copied = copiedLinks(wanted, { mounts, within });
  const planned = planTables({
    source: {
      table: wanted.table,
      entryAt: (place) => wanted.entryAt(place),
      as: (entry) =>
        entry.kind !== "socket" && concerns(entry.path)
          ? kept(settled(copied.get(entry.path)?.file ?? entry))
          : undefined,
    },
    target: {
      table: node.table,
      entryAt: (place) => node.entryAt(place),
      as: (entry) => (concerns(entry.path) ? kept(entry) : undefined),
    },
    selection,
    options: {
      deleteExtraneous: input.noDelete !== true && input.overridesOnly !== true,
      recheck: (place, at) => isSuspect({ version: wanted, place }, { node, place: at }, input),
      differs: (place, at) =>
        node.digestAt(at) !== undefined ||
        !sameExtended(
          attributes === undefined ? wanted.extendedAt(place) : settled(wanted.entryAt(place)).extended,
          node.extendedAt(at),
        ),
      // The node's listing does not descend into these, so what keeps them is not in it.
      unseen: new Set(capturePrune(input.rules).map(({ path }) => path)),
    },
  });
  const copies = new Map([...copied].map(([path, { of }]) => [path, of]));
  const { replaced, staged, blocked } = typeChanges(planned, {
    ...{ node, mounts },
    keepsExtraneous: input.noDelete === true,
    isKept: (path, directory) =>
      isWithin(path, within) && (selection.excludes(path, directory) || selection.protects(path, directory)),
  });
  const gone = new Set(replaced);
  const chosen = planned.where((action) =>
    action.kind === "delete"
      ? !hasAncestor(action.path, gone) && !mounts.includes(action.path)
      : !blocked.has(action.entry.path) &&
        // An initramfs is made on the node. The image's own takes its place only where it is the newer one.
        !(input.noBootloader !== true && isNewerInitramfs(node, action.entry)),
  );
  // The time of /tmp alone is no reason for an update.
  const actions = every(chosen, isTimeOfScratch) ? chosen.where(() => false) : chosen;
  return {
    image: input.image,
    version: input.version,
    overrides: input.overrides ?? [],
    sources,
    directory: within,
    partial: within !== rootPath || input.overridesOnly === true,
    actions,
    summary: summarise(actions),
    rules: input.rules,
    mounts,
    replaced,
    staged,
    copies,
    directoryTimes: directoryTimes(actions, { wanted, node, mounts, within, kept }),
    stripped: [...strippedOf(actions, { node, kept })],
    patches: new Map(),
    ownAttributes: attributes !== undefined,
    bootSteps: input.noBootloader === true ? [] : bootSteps(actions, input.bootStepsDue ?? []),
    notes: [...blocked].map(
      (path) =>
        `/${escapePath(path)} stays a directory: it holds what must not be deleted, and the image has something else there`,
    ),
  };
}

function every(actions: Iterable<SyncAction>, is: (action: SyncAction) => boolean): boolean {
  for (const action of actions) {
    if (!is(action)) {
      return false;
    }
  }
  return true;
}

function asItIs(entry: FileEntry): FileEntry {
  return entry;
}

/** The plan with those files sent as blocks. */
export function withPatches(plan: UpdatePlan, patches: ReadonlyMap<RelPath, FilePatch>): UpdatePlan {
  let { bytes } = plan.summary;
  for (const action of patches.size === 0 ? [] : plan.actions) {
    if (action.kind === "write" && action.entry.kind === "file") {
      bytes += (patches.get(action.entry.path)?.bytes ?? action.entry.size) - action.entry.size;
    }
  }
  return { ...plan, patches, summary: { ...plan.summary, bytes } };
}

function hasAncestor(path: RelPath, ancestors: ReadonlySet<RelPath>): boolean {
  for (let parent = parentPath(path); parent !== ""; parent = parentPath(parent)) {
    if (ancestors.has(parent)) {
      return true;
    }
  }
  return false;
}
