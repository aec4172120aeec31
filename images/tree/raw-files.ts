/**
 * Files that come under their own names and just as they were planned go on to GNU tar in the bytes they came in: no header
 * is decoded or encoded, and their content is not copied together.
 */
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry, FileEntryRegular } from "../entry.ts";
import type { RawMembers } from "../tar/events.ts";
import { expectedHeaders } from "../tar/expected.ts";
import type { ByteChannel } from "./byte-channel.ts";
import { ContentDigest } from "./content-digest.ts";
import type { MemberTable } from "./member-table.ts";

/** The writes that a stream brings, in order, with the one that comes next at hand. */
export class PlannedMembers {
  readonly #entries: Iterator<FileEntry>;
  entry: FileEntry | undefined;
  ordinal = 0;

  constructor(entries: Iterator<FileEntry>) {
    this.#entries = entries;
    this.entry = this.#next();
  }

  advance(): void {
    this.entry = this.#next();
    this.ordinal += 1;
  }

  #next(): FileEntry | undefined {
    const next = this.#entries.next();
    return next.done === true ? undefined : next.value;
  }
}

export interface RawFilesOptions {
  readonly planned: PlannedMembers;
  /** Whether a path may be written to as it is. */
  readonly accepts: (path: RelPath) => boolean;
  readonly channel: () => ByteChannel;
  readonly table: MemberTable;
  /** Digest also what no digest is planned for. */
  readonly digests: boolean;
}

interface OpenFile {
  readonly planned: FileEntryRegular;
  readonly ordinal: number;
  readonly digest: ContentDigest | undefined;
}

export class RawFiles implements RawMembers {
  readonly #options: RawFilesOptions;
  #open: OpenFile | undefined;
  /** The bytes to be passed on next: `#from` to `#to` of a chunk. */
  #chunk: Uint8Array | undefined;
  #from = 0;
  #to = 0;

  constructor(options: RawFilesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open?.planned.size ?? 0;
  }

  get name(): string {
    return this.#open?.planned.path ?? "";
  }

  begin(chunk: Uint8Array, at: number): number {
    const { planned, table, accepts, digests } = this.#options;
    const { entry, ordinal } = planned;
    if (entry?.kind !== "file") {
      return 0;
    }
    const length = expectedHeaders(chunk, at, entry);
    if (length === 0 || !accepts(entry.path)) {
      return 0;
    }
    table.set(ordinal, "whole", []);
    const digest = isDigested(entry, digests) ? new ContentDigest(entry.size, undefined) : undefined;
    this.#open = { planned: entry, ordinal, digest };
    planned.advance();
    this.#pass(chunk, at, at + length);
    return length;
  }

  content(chunk: Uint8Array, from: number, to: number): void {
    this.#options.table.bytes += to - from;
    this.#open?.digest?.update(chunk.subarray(from, to));
    this.#pass(chunk, from, to);
  }

  padding(chunk: Uint8Array, from: number, to: number): void {
    this.#pass(chunk, from, to);
  }

  end(): void {
    if (this.#open?.digest !== undefined) {
      keepDigest(this.#options.table, this.#open.digest.digest(), this.#open);
    }
  }

  /** Passes on what is held back so that it goes as one piece: before others write, and at the end of a chunk. */
  flush(): void {
    if (this.#chunk !== undefined) {
      this.#options.channel().data(this.#chunk.subarray(this.#from, this.#to));
      this.#chunk = undefined;
    }
  }

  #pass(chunk: Uint8Array, from: number, to: number): void {
    if (this.#chunk === chunk && this.#to === from) {
      this.#to = to;
      return;
    }
    this.flush();
    this.#chunk = chunk;
    this.#from = from;
    this.#to = to;
  }
}

/** Whether a member's content is digested. */
export function isDigested(planned: FileEntry, digests: boolean): boolean {
  return digests || (planned.kind === "file" && planned.digest !== undefined);
}

/** Keeps the digest of a member; one that is not what was planned for makes it torn. */
export function keepDigest(
  table: MemberTable,
  digest: Buffer,
  member: { readonly planned: FileEntry; readonly ordinal: number },
): void {
  table.setDigest(member.ordinal, digest);
  const wanted = member.planned.kind === "file" ? member.planned.digest : undefined;
  if (wanted !== undefined && wanted !== digest.toString("hex")) {
    table.markTorn(member.ordinal);
  }
}
