/** Reads what changed in a tree through tar and gives each entry its place in the packs. */
import { createHash } from "node:crypto";
import { AppError } from "../../base/errors.ts";
import { escapePath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry, ListedEntry } from "../entry.ts";
import { PlaceSet } from "../sync/columns.ts";
import { changesBetween } from "../sync/compare.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import { parseTarMessages } from "../sync/tar-messages.ts";
import { readTar } from "../tar/stream.ts";
import { readMembers } from "../tree/tar-tool.ts";
import type { CommitPlan } from "./commit-plan.ts";
import { type IncomingMember, MemberCursor } from "./member-cursor.ts";
import type { Packer } from "./packer.ts";
import type { CommitOptions, CommitResult } from "./store.ts";
import type { StoredNow, StoredNowTable } from "./stored-now.ts";
import { archivePlaces } from "./tree-order.ts";

/** SHA-256 of no bytes. */
const emptyDigest = createHash("sha256").digest("hex");

export interface TreeTask {
  readonly image: string;
  readonly tree: string;
  readonly options: Pick<CommitOptions, "known" | "onStored" | "signal" | "onProgress">;
}

/** Stores every entry of the plan's listing that is not unchanged. */
export async function storeChanged(
  plan: CommitPlan,
  using: {
    readonly packer: Packer;
    readonly task: TreeTask;
    /** Filled with what was stored, as it is stored. */
    readonly stored: StoredNowTable;
  },
): Promise<CommitResult["read"]> {
  const { packer, task, stored } = using;
  const { signal, onProgress } = task.options;
  const { listed, unchanged } = plan;
  if (unchanged.size < listed.length) {
    await packer.prepare();
  }
  const order = archivePlaces(listed);
  const toRead = new PlaceSet(listed.length);
  let bytesTotal = 0;
  for (let place = 0; place < listed.length; place++) {
    const standing = unchanged.has(place) ? undefined : listed.rows.at(listed.rowAt(place));
    if (standing !== undefined && !isComplete(standing, using)) {
      toRead.add(place);
      bytesTotal += sizeOf(standing.entry);
    }
  }
  const read = { entries: 0, bytes: 0 };
  const tar = new TreeReader(task, toRead.size === 0 ? undefined : pathsToRead(listed, { order, toRead }));
  try {
    for (const place of order) {
      if (unchanged.has(place)) {
        continue;
      }
      signal?.throwIfAborted();
      const entry = listed.entryAt(place);
      if (!toRead.has(place)) {
        const now = await storeComplete(completed(entry, task), packer);
        stored.set(place, now);
        task.options.onStored?.(now.entry);
        continue;
      }
      const member = await tar.next(entry);
      const now = await storeMember(member, packer);
      stored.set(place, now);
      task.options.onStored?.(now.entry);
      read.entries += 1;
      read.bytes += sizeOf(member.entry);
      onProgress?.({
        phase: "store",
        files: read.entries,
        filesTotal: toRead.size,
        bytes: read.bytes,
        bytesTotal,
      });
    }
    await tar.finish();
  } finally {
    await tar.close();
  }
  return read;
}

function* pathsToRead(
  listed: EntryTable,
  { order, toRead }: { readonly order: Uint32Array; readonly toRead: PlaceSet },
): Generator<RelPath> {
  for (const place of order) {
    if (toRead.has(place)) {
      yield listed.pathAt(place);
    }
  }
}

/** Whether an entry need not be read: links and sockets have nothing to read, and of some the caller knows everything. */
function isComplete(
  { entry, allocated }: ListedEntry,
  using: { readonly packer: Packer; readonly task: TreeTask },
): boolean {
  if (entry.kind === "hardlink" || entry.kind === "socket") {
    return true;
  }
  const known = using.task.options.known?.(entry);
  return (
    known !== undefined &&
    (entry.kind !== "file" ||
      entry.size === 0 ||
      (known.digest !== undefined &&
        using.packer.hasContent(known.digest, { size: entry.size, holes: allocated < entry.size })))
  );
}

/** Such an entry with all that is known of it. */
function completed(entry: FileEntry, task: TreeTask): FileEntry {
  const known =
    entry.kind === "hardlink" || entry.kind === "socket" ? undefined : task.options.known?.(entry);
  if (known === undefined) {
    return entry;
  }
  const { extended, digest } = known;
  return entry.kind === "file" && entry.size > 0 && digest !== undefined
    ? { ...entry, extended, digest }
    : { ...entry, extended };
}

async function storeComplete(entry: FileEntry, packer: Packer): Promise<StoredNow> {
  if (entry.kind === "socket") {
    return { entry };
  }
  if (entry.kind === "file" && entry.digest !== undefined) {
    const place = packer.findContent(entry, entry.digest);
    return place === undefined ? { entry } : { entry, place };
  }
  const place = await packer.placeHeader(entry);
  return { entry: entry.kind === "file" ? { ...entry, digest: emptyDigest } : entry, place };
}

async function storeMember(member: IncomingMember, packer: Packer): Promise<StoredNow> {
  const { entry } = member;
  if (entry.kind !== "file" || entry.size === 0) {
    return storeComplete(entry, packer);
  }
  const { place, digest } = await packer.placeContent(entry, member);
  return { entry: { ...entry, digest }, place };
}

function sizeOf(entry: FileEntry): number {
  return entry.kind === "file" ? entry.size : 0;
}

/** GNU tar on the paths to read; what it gives must be what the scan saw. */
class TreeReader {
  readonly #task: TreeTask;
  readonly #process: ReturnType<typeof readMembers> | undefined;
  readonly #cursor: MemberCursor | undefined;

  /** Starts nothing without paths. */
  constructor(task: TreeTask, paths: Iterable<RelPath> | undefined) {
    this.#task = task;
    if (paths !== undefined) {
      const { signal } = task.options;
      this.#process = readMembers({
        root: task.tree,
        paths,
        ...(signal === undefined ? {} : { signal }),
      });
      this.#cursor = new MemberCursor(readTar(this.#process.stdout, { what: `the tree of ${task.image}` }));
    }
  }

  async next(listed: FileEntry): Promise<IncomingMember> {
    const member = await this.#cursor?.next();
    if (member === undefined || member.entry.path !== listed.path) {
      throw await this.#explain(listed.path);
    }
    if (changesBetween(member.entry, listed, {}).length > 0) {
      throw this.#moved(listed.path);
    }
    return member;
  }

  /** Reads to the end: whether tar could read all shows only there. */
  async finish(): Promise<void> {
    const extra = await this.#cursor?.next();
    if (extra !== undefined) {
      throw this.#moved(extra.entry.path);
    }
    const exit = await this.#process?.exit;
    if (exit === undefined) {
      return;
    }
    const messages = parseTarMessages(exit.stderr);
    const [torn] = [...messages.torn, ...messages.vanished];
    if (torn !== undefined) {
      throw this.#moved(torn);
    }
    if (exit.code !== 0) {
      throw new AppError("io", `Cannot read the tree of image ${this.#task.image}: ${exit.stderr.trim()}`);
    }
  }

  async close(): Promise<void> {
    await this.#cursor?.close();
    await this.#process?.exit.catch(() => undefined);
  }

  /** Why a member is not there: it is gone, or tar failed. */
  async #explain(path: RelPath): Promise<AppError> {
    while ((await this.#cursor?.next()) !== undefined) {
      // What comes after a gap is of no use: only tar's messages are.
    }
    const exit = await this.#process?.exit;
    const messages = parseTarMessages(exit?.stderr ?? "");
    const [gone] = messages.vanished;
    return messages.other.length > 0 && gone === undefined
      ? new AppError(
          "io",
          `Cannot read '${escapePath(path)}' of image ${this.#task.image}: ${messages.other[0]}`,
        )
      : this.#moved(gone ?? path);
  }

  #moved(path: RelPath): AppError {
    return new AppError(
      "conflict",
      `The tree of image ${this.#task.image} changed while it was committed: '${escapePath(path)}'`,
      { hint: "Stop what is writing into the tree and commit again." },
    );
  }
}
