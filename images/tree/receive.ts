/**
 * Takes in a tar stream from outside: every member is checked against the plan, its content digested, and passed on to GNU tar
 * under a header that is encoded here anew, so that what tar sees was never written by the other side.
 */
import { AppError } from "../../base/errors.ts";
import { escapePath, parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { ProgressSink } from "../../base/ports.ts";
import type { FileEntry } from "../entry.ts";
import type { SyncAction } from "../sync/actions.ts";
import { sameAsListed } from "../sync/compare.ts";
import { isStreamed } from "../sync/plan.ts";
import type { TarEvent } from "../tar/decode.ts";
import { paddingOf } from "../tar/header.ts";
import { readTar } from "../tar/stream.ts";
import type { ByteChannel } from "./byte-channel.ts";
import { ContentDigest } from "./content-digest.ts";
import { MemberTable, type Received } from "./member-table.ts";
import { Unpackers } from "./unpackers.ts";

export interface ReceiveOptions {
  /** Host path of the folder that GNU tar unpacks into. */
  readonly directory: string;
  readonly actions: Iterable<SyncAction>;
  readonly tar: AsyncIterable<Uint8Array>;
  /** The name a member is unpacked under, or undefined to leave it out. Directories are never unpacked: `onDirectory` makes them. */
  readonly nameOf: (entry: FileEntry, ordinal: number) => string | undefined;
  readonly onDirectory?: (entry: FileEntry) => void;
  readonly onProgress?: ProgressSink;
  readonly signal?: AbortSignal;
}

/** The flat name of a staged member: folders of 4096, so that none grows long. */
export function stagedName(ordinal: number): string {
  return `${Math.floor(ordinal / 4096)}/${ordinal}`;
}

export async function receiveTar(options: ReceiveOptions): Promise<Received> {
  const receiver = new Receiver(options);
  if (streamedEntries(options.actions).next().done === true) {
    // Nothing was asked for, and GNU tar makes no archive of nothing.
    await options.tar[Symbol.asyncIterator]().return?.();
    return receiver.table;
  }
  try {
    for await (const events of readTar(options.tar, { what: "the archive" })) {
      for (const event of events) {
        receiver.event(event);
      }
      await receiver.drained();
      options.signal?.throwIfAborted();
    }
  } catch (error) {
    await receiver.abandon();
    throw error;
  }
  await receiver.finish();
  return receiver.table;
}

class Receiver {
  readonly table = new MemberTable();
  readonly #options: ReceiveOptions;
  readonly #planned: Iterator<FileEntry>;
  readonly #unpackers: Unpackers;
  #ordinal = -1;
  #open: OpenMember | undefined;
  #reportedFiles = 0;
  #reportedBytes = 0;

  constructor(options: ReceiveOptions) {
    this.#options = options;
    this.#planned = streamedEntries(options.actions);
    this.#unpackers = new Unpackers(options);
  }

  event(event: TarEvent): void {
    switch (event.kind) {
      case "entry":
        this.#begin(event);
        break;
      case "data":
        this.#data(event.bytes);
        break;
      case "entry-end":
        this.#end();
        break;
      case "end":
        break;
    }
  }

  /** After each chunk of the stream: tells how far it is, and waits for the writers. */
  async drained(): Promise<void> {
    this.#progress();
    await this.#unpackers.drained();
  }

  async finish(): Promise<void> {
    await this.#unpackers.finish();
  }

  async abandon(): Promise<void> {
    await this.#unpackers.abandon();
  }

  /** Finds the planned write that this member is; those before it were not sent. */
  #begin(event: Extract<TarEvent, { kind: "entry" }>): void {
    const { entry } = event;
    for (;;) {
      const next = this.#planned.next();
      if (next.done === true) {
        throw new AppError("hostile", `Refused member '${escapePath(entry.path)}': it was not asked for`);
      }
      this.#ordinal += 1;
      if (next.value.path === entry.path) {
        this.#take(next.value, event);
        return;
      }
    }
  }

  #take(planned: FileEntry, event: Extract<TarEvent, { kind: "entry" }>): void {
    const ordinal = this.#ordinal;
    const member = event.entry;
    const extended = member.extended ?? [];
    // Its owner may have changed it since the listing: what arrives is then not what the plan is about.
    const moved = !sameAsListed(planned, member);
    this.table.set(ordinal, moved ? "torn" : "whole", extended);
    if (planned.kind === "directory") {
      this.#options.onDirectory?.(planned);
      return;
    }
    const name = moved ? undefined : this.#options.nameOf(planned, ordinal);
    if (name === undefined) {
      this.table.markTorn(ordinal);
      return;
    }
    const { sparse, dataLength } = event;
    const channel = this.#unpackers.channel(extended.length > 0);
    channel.member(member, sparse === undefined ? { name } : { name, sparse });
    const digest = member.kind === "file" ? new ContentDigest(dataLength, sparse) : undefined;
    this.#open = { channel, digest, dataLength, planned, ordinal };
  }

  #data(bytes: Uint8Array): void {
    this.table.bytes += bytes.length;
    this.#open?.channel.data(bytes);
    this.#open?.digest?.update(bytes);
  }

  #end(): void {
    const open = this.#open;
    if (open === undefined) {
      return;
    }
    this.#open = undefined;
    open.channel.zeros(paddingOf(open.dataLength));
    if (open.digest !== undefined) {
      const digest = open.digest.digest();
      this.table.setDigest(open.ordinal, digest);
      const wanted = open.planned.kind === "file" ? open.planned.digest : undefined;
      if (wanted !== undefined && wanted !== digest.toString("hex")) {
        this.table.markTorn(open.ordinal);
      }
    }
  }

  #progress(): void {
    const files = this.#ordinal + 1;
    const { bytes } = this.table;
    if (bytes - this.#reportedBytes > 8_000_000 || files - this.#reportedFiles >= 1000) {
      this.#reportedBytes = bytes;
      this.#reportedFiles = files;
      this.#options.onProgress?.({ phase: "stream", files, bytes });
    }
  }
}

/** The member whose content is arriving. */
interface OpenMember {
  readonly channel: ByteChannel;
  readonly digest: ContentDigest | undefined;
  readonly dataLength: number;
  readonly planned: FileEntry;
  readonly ordinal: number;
}

function* streamedEntries(actions: Iterable<SyncAction>): Generator<FileEntry> {
  for (const action of actions) {
    if (action.kind === "write" && isStreamed(action)) {
      yield action.entry;
    }
  }
}

/** True where the parent of `path` is among the directories made so far. */
export function parentIsIn(path: RelPath, directories: ReadonlySet<RelPath>): boolean {
  const parent = parentPath(path);
  return parent === "" || directories.has(parent);
}
