/**
 * What a listing does not show, and which entries a node is asked about before the plan is final: extended attributes of what has
 * changed since its last update, digests of files that would be sent and may hold what they should. Pure.
 */
import type { RelPath } from "../../base/path-bytes.ts";
import type { ExtendedAttributes, FileEntry, Timestamp } from "../entry.ts";
import type { VersionTable } from "../store/version-table.ts";
import type { ResolvedRule, SyncAction } from "../sync/actions.ts";
import { attributeSelection } from "../sync/attribute-rules.ts";
import { PlaceSet } from "../sync/columns.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import { placesIn } from "../sync/same-rows.ts";
import type { NodeListing } from "./node-listing.ts";

export interface Suspicion {
  /** When the node was last brought to a version, by its own clock; absent where it never was. */
  readonly syncedAt?: Timestamp;
  /** What the node can hold of attributes, where it cannot hold all; none is known to have none. */
  readonly attributesKept?: (extended: ExtendedAttributes | undefined) => ExtendedAttributes | undefined;
  /** True for places of this version whose attributes or content are others in the version that the node was last given. */
  readonly changedBefore?: (place: number) => boolean;
  /** Rules decide about attributes: what the node has is always wanted to be known, because some of it may stay. */
  readonly attributesRuled?: boolean;
}

/**
 * Whether an entry that looks as it should is sent again nevertheless: what changed on the node after its last update, and what is
 * other in this version than in the one the node has. A node that was never updated gets everything that has attributes.
 */
export function isSuspect(
  wanted: { readonly version: VersionTable; readonly place: number },
  standing: { readonly node: NodeListing; readonly place: number },
  suspicion: Suspicion,
): boolean {
  const [version, node] = [wanted.version, standing.node];
  const place = contentPlace(version.table, wanted.place);
  const at = contentPlace(node.table, standing.place);
  const rows = node.table.rows;
  const { attributesKept = asTheyAre } = suspicion;
  const known = attributesKept(node.extendedAt(at)) !== undefined;
  if (known && (!rows.isFile(node.table.rowAt(at)) || node.digestAt(at) !== undefined)) {
    return false;
  }
  if (suspicion.changedBefore?.(wanted.place) === true) {
    return true;
  }
  const { syncedAt } = suspicion;
  if (syncedAt !== undefined && !isLater(node.ctimeAt(standing.place), syncedAt)) {
    return false;
  }
  const has = (attributesKept(version.extendedAt(place))?.length ?? 0) > 0;
  // Directories change whenever something in them does; only those with attributes are worth another look.
  return syncedAt === undefined
    ? has && !known
    : has || !version.table.rows.isDirectory(version.table.rowAt(place));
}

function asTheyAre(extended: ExtendedAttributes | undefined): ExtendedAttributes | undefined {
  return extended;
}

/** The place of the name that carries a hard link's content. */
function contentPlace(table: EntryTable, place: number): number {
  if (!table.rows.isLinked(table.rowAt(place))) {
    return place;
  }
  const entry = table.entryAt(place);
  const target = entry.kind === "hardlink" ? table.indexOf(entry.target) : place;
  return target < 0 ? place : target;
}

/** Places of entries whose attributes the node is asked for. */
export function attributeQuestions(node: NodeListing, version: VersionTable, suspicion: Suspicion): PlaceSet {
  const { syncedAt, changedBefore, attributesRuled } = suspicion;
  const places = changedBefore === undefined ? undefined : placesIn(version.table, node.table);
  const asked = new PlaceSet(node.length);
  for (let place = 0; place < node.length; place++) {
    const wanted = places?.[place] ?? -1;
    if (
      syncedAt === undefined ||
      attributesRuled === true ||
      isLater(node.ctimeAt(place), syncedAt) ||
      (wanted >= 0 && changedBefore?.(wanted) === true)
    ) {
      asked.add(place);
    }
  }
  return asked;
}

function isLater(time: Timestamp, than: Timestamp): boolean {
  return (
    time.seconds > than.seconds || (time.seconds === than.seconds && time.nanoseconds > than.nanoseconds)
  );
}

const answerable: ReadonlySet<string> = new Set(["content", "mtime", "mode", "owner", "group", "extended"]);

/** Files that the plan would send although what stands on the node has their size: their places there. */
export function digestQuestions(actions: Iterable<SyncAction>, node: NodeListing): PlaceSet {
  return sameSizes(needless(actions), node);
}

/** Every file of the node that has the size it should have. */
export function allDigestQuestions(version: VersionTable, node: NodeListing): PlaceSet {
  return sameSizes(entriesOf(version), node);
}

function* needless(actions: Iterable<SyncAction>): Generator<FileEntry> {
  for (const action of actions) {
    if (action.kind === "write" && action.changes.every((change) => answerable.has(change))) {
      yield action.entry;
    }
  }
}

function* entriesOf(version: VersionTable): Generator<FileEntry> {
  for (let place = 0; place < version.length; place++) {
    yield version.entryAt(place);
  }
}

/** Places of files that have the size of those that are wanted, which come by path. */
function sameSizes(wanted: Iterable<FileEntry>, { table }: NodeListing): PlaceSet {
  const places = new PlaceSet(table.length);
  let near = 0;
  for (const entry of wanted) {
    if (entry.kind !== "file" || entry.digest === undefined || entry.size === 0) {
      continue;
    }
    const standing = table.indexOf(entry.path, near);
    if (standing < 0) {
      continue;
    }
    near = standing;
    const place = contentPlace(table, standing);
    const row = table.rowAt(place);
    if (table.rows.isFile(row) && table.rows.sizeAt(row) === entry.size) {
      places.add(place);
    }
  }
  return places;
}

const label = "SCHILY.xattr.security.selinux";

/**
 * The listing with what the node has answered. An image without labels says nothing about the node's; one that an old tar made, with
 * ACLs as text, cannot be compared with the kernel's bytes, and so nothing is known.
 */
export function withAttributes(
  node: NodeListing,
  answers: {
    readonly version: VersionTable;
    readonly asked: PlaceSet;
    readonly found: ReadonlyMap<RelPath, ExtendedAttributes>;
    readonly rules: readonly ResolvedRule[];
  },
): NodeListing {
  let labelled = false;
  for (const known of answers.version.extended) {
    for (const [key] of known ?? []) {
      if (!key.startsWith("SCHILY.xattr.")) {
        return node;
      }
      labelled ||= key === label;
    }
  }
  const attributes = attributeSelection(answers.rules);
  const extended = new Map<number, ExtendedAttributes>();
  for (const [path, all] of answers.found) {
    const place = node.table.indexOf(path);
    const left = attributes?.settled(path, { source: [], standing: all });
    const told = labelled ? all : all.filter((each) => each[0] !== label || left?.includes(each) === true);
    if (place >= 0 && told.length > 0) {
      extended.set(place, told);
    }
  }
  return node.with({ asked: answers.asked, extended });
}
