/**
 * Takes in a tar stream from outside: every member is checked against the plan, its content digested, and passed on to GNU tar
 * under a header that is encoded here anew, or that was found to be what would be encoded: tar sees nothing that the other
 * side had a choice in.
 */
import { AppError } from "../../base/errors.ts";
import { escapePath, parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { ProgressSink } from "../../base/ports.ts";
import type { FileEntry } from "../entry.ts";
import type { SyncAction } from "../sync/actions.ts";
import type { AttributeSelection } from "../sync/attribute-rules.ts";
import { sameAsListed } from "../sync/compare.ts";
import { flagsKey, withFlags } from "../sync/flags.ts";
import { isStreamed } from "../sync/plan.ts";
import { TarDecoder } from "../tar/decode.ts";
import type { TarEvent } from "../tar/events.ts";
import { paddingOf } from "../tar/header.ts";
import { tarError } from "../tar/stream.ts";
import type { ByteChannel } from "./byte-channel.ts";
import { ContentDigest } from "./content-digest.ts";
import { MemberTable, type Received } from "./member-table.ts";
import { isDigested, keepDigest, PlannedMembers, RawFiles } from "./raw-files.ts";
import { Unpackers } from "./unpackers.ts";

export interface ReceiveOptions {
  /** Host path of the folder that GNU tar unpacks into. */
  readonly directory: string;
  readonly actions: Iterable<SyncAction>;
  readonly tar: AsyncIterable<Uint8Array>;
  /** The name a member is unpacked under, or undefined to leave it out. Directories are never unpacked: `onDirectory` makes them. */
  readonly nameOf: (entry: FileEntry, ordinal: number) => string | undefined;
  /** Where given, and true for a path, a file that is just what is planned goes under its own name, its bytes as they came. */
  readonly underOwnName?: (path: RelPath) => boolean;
  /** Digest files that no digest is planned for, too. */
  readonly digests: boolean;
  /** What sends is less than a GNU tar of today. */
  readonly sender?: TarSender;
  /** Of the attributes of what comes, those that are taken. */
  readonly attributes?: AttributeSelection | undefined;
  readonly onDirectory?: (entry: FileEntry) => void;
  readonly onProgress?: ProgressSink;
  readonly signal?: AbortSignal;
}

/** What a weak tar leaves to the listing. */
export interface TarSender {
  /** Owners, modes and times are those of the listing: the members' are cut to what their headers hold. */
  readonly listedMetadata?: boolean;
  /** Comes as several archives one behind the other. */
  readonly concatenated?: boolean;
}

/** The flat name of a staged member: folders of 4096, so that none grows long. */
export function stagedName(ordinal: number): string {
  return `${Math.floor(ordinal / 4096)}/${ordinal}`;
}

export async function receiveTar(options: ReceiveOptions): Promise<Received> {
  const receiver = new Receiver(options);
  if (receiver.isEmpty) {
    // Nothing was asked for, and GNU tar makes no archive of nothing.
    await options.tar[Symbol.asyncIterator]().return?.();
    return receiver.table;
  }
  try {
    for await (const chunk of options.tar) {
      receiver.write(chunk);
      await receiver.drained();
      options.signal?.throwIfAborted();
    }
    receiver.end();
  } catch (error) {
    await receiver.abandon();
    throw error;
  }
  await receiver.finish();
  return receiver.table;
}

const what = "the archive";

/** A file may have terabytes of holes, and digesting their zeros here would keep everybody waiting: whoever wants it does so later, in turns. */
const digestedHoles = 64 * 1024 * 1024;

class Receiver {
  readonly table = new MemberTable();
  readonly #options: ReceiveOptions;
  readonly #planned: PlannedMembers;
  readonly #unpackers: Unpackers;
  readonly #raw: RawFiles | undefined;
  readonly #decoder: TarDecoder;
  #open: OpenMember | undefined;
  #reportedFiles = 0;
  #reportedBytes = 0;

  constructor(options: ReceiveOptions) {
    this.#options = options;
    this.#planned = new PlannedMembers(streamedEntries(options.actions));
    this.#unpackers = new Unpackers(options);
    const sink = (event: TarEvent) => this.#event(event);
    const concatenated = options.sender?.concatenated === true;
    if (options.underOwnName === undefined) {
      this.#decoder = new TarDecoder({ sink, concatenated });
    } else {
      this.#raw = new RawFiles({
        planned: this.#planned,
        accepts: options.underOwnName,
        channel: () => this.#unpackers.channel(false),
        table: this.table,
        digests: options.digests,
      });
      this.#decoder = new TarDecoder({ sink, concatenated, raw: this.#raw });
    }
  }

  /** True where no member is to come. */
  get isEmpty(): boolean {
    return this.#planned.entry === undefined;
  }

  write(chunk: Uint8Array): void {
    const decoded = this.#decoder.write(chunk);
    if (!decoded.ok) {
      throw tarError(decoded.error, what);
    }
    this.#raw?.flush();
  }

  end(): void {
    const ended = this.#decoder.end();
    if (!ended.ok) {
      throw tarError(ended.error, what);
    }
  }

  #event(event: TarEvent): void {
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
    const { path } = event.entry;
    let planned = this.#planned.entry;
    while (planned !== undefined && planned.path !== path) {
      this.#planned.advance();
      planned = this.#planned.entry;
    }
    if (planned === undefined) {
      throw new AppError("hostile", `Refused member '${escapePath(path)}': it was not asked for`);
    }
    this.#raw?.flush();
    this.#take(planned, event);
    this.#planned.advance();
  }

  #take(planned: FileEntry, event: Extract<TarEvent, { kind: "entry" }>): void {
    const { ordinal } = this.#planned;
    const member =
      this.#options.sender?.listedMetadata === true ? asListed(planned, event.entry) : event.entry;
    // An attribute of that name means something in an image, not on the machine that sends.
    const own =
      member.extended?.some(([key]) => key === flagsKey) === true
        ? withFlags(member.extended, "")
        : (member.extended ?? []);
    const extended = this.#options.attributes?.sent(planned.path, own) ?? own;
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
    channel.member(
      extended === member.extended ? member : { ...member, extended },
      sparse === undefined ? { name } : { name, sparse },
    );
    const holes = sparse === undefined ? 0 : sparse.realSize - dataLength;
    const digest =
      member.kind === "file" && isDigested(planned, this.#options.digests && holes <= digestedHoles)
        ? new ContentDigest(dataLength, sparse)
        : undefined;
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
      keepDigest(this.table, open.digest.digest(), open);
    }
  }

  #progress(): void {
    const files = this.#planned.ordinal;
    const { bytes } = this.table;
    if (bytes - this.#reportedBytes > 8_000_000 || files - this.#reportedFiles >= 1000) {
      this.#reportedBytes = bytes;
      this.#reportedFiles = files;
      this.#options.onProgress?.({ phase: "stream", files, bytes });
    }
  }
}

/** The member with the listed entry's owner, mode and time. */
function asListed(planned: FileEntry, member: FileEntry): FileEntry {
  const { mode, uid, gid, mtime } = planned;
  return { ...member, mode, uid, gid, mtime };
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
