/**
 * Members of a version in the order in which they are stored. A version's path order goes to and fro between and within its packs, and
 * each step back may mean a frame of megabytes anew; in this order each pack is read once, and what is stored just as it is
 * wanted goes on as it lies there. Contents are not digested again: the frames that they lie in are.
 */
import { TarDecoder } from "../tar/decode.ts";
import { encodeMember } from "../tar/encode.ts";
import type { StoredEntry } from "./entry-line.ts";
import { FramePass } from "./frame-pass.ts";
import { encodeStored } from "./member-encoder.ts";
import type { OpenVersion } from "./open-version.ts";
import type { PackFile } from "./pack-file.ts";
import { frameAt, type PackIndex } from "./pack-index.ts";
import { damaged, PackReader } from "./pack-reader.ts";
import type { VersionTable } from "./version-table.ts";
import type { WantedMembers, WantedOfPack } from "./wanted-members.ts";

export interface StoredOrderOptions {
  readonly signal?: AbortSignal;
  /** Told of each read of a pack. */
  readonly onRead?: (frames: number) => void;
}

/** The members' bytes, padding included; nothing for sockets. */
export async function* inStoredOrder(
  version: OpenVersion,
  wanted: WantedMembers,
  options: StoredOrderOptions = {},
): AsyncGenerator<Uint8Array> {
  const { table } = wanted;
  for (const place of wanted.loose()) {
    yield* encodeStored(table.storedAt(place), { version, reader: new PackReader() });
  }
  for (const [number, members] of wanted.packs.entries()) {
    if (members !== undefined) {
      const pack = version.packs[number] as PackFile;
      yield* new PackPass({ version, pack, table, wanted: members, options }).run();
    }
  }
}

/** Content that several entries want is kept for them up to this size; what is larger has frames of its own, and is read again. */
const keptContent = 4 * 1024 * 1024;

interface PackTask {
  readonly version: OpenVersion;
  readonly pack: PackFile;
  readonly table: VersionTable;
  readonly wanted: WantedOfPack;
  readonly options: StoredOrderOptions;
}

class PackPass {
  readonly #task: PackTask;
  readonly #index: PackIndex;
  readonly #frames: FramePass;

  constructor(task: PackTask) {
    const { pack, wanted, options } = task;
    this.#task = task;
    this.#index = pack.index;
    this.#frames = new FramePass(pack, framesOf(pack.index, wanted), {
      ...options,
      damaged: (frame, problem) => this.#damaged(frame, problem),
    });
  }

  async *run(): AsyncGenerator<Uint8Array> {
    const { wanted } = this.#task;
    try {
      for (let member = wanted.next(0); member >= 0; ) {
        const end = this.#endOfRun(member);
        if (end > member) {
          yield* this.#frames.range(this.#start(member), this.#start(end));
          member = wanted.next(end);
        } else {
          yield* this.#rewritten(member);
          member = wanted.next(member + 1);
        }
      }
    } finally {
      await this.#frames.close();
    }
  }

  /** The member behind those that follow `member` in the pack and are wanted once and as they are. */
  #endOfRun(member: number): number {
    const { wanted, table } = this.#task;
    let end = member;
    for (let place = wanted.soleOf(end); place >= 0 && table.isWhole(place); place = wanted.soleOf(end)) {
      end += 1;
    }
    return end;
  }

  /** Content that is wanted under other headers than it is stored with, or more than once. */
  async *#rewritten(member: number): AsyncGenerator<Uint8Array> {
    const [first, ...others] = this.#entriesOf(member) as [StoredEntry, ...StoredEntry[]];
    const dataStart = this.#start(member) + (this.#index.headerBlocks[member] as number) * 512;
    const end = this.#start(member + 1);
    const header = await collect(this.#frames.range(this.#start(member), dataStart));
    const decoded = new TarDecoder().write(header);
    const told = decoded.ok ? decoded.value[0] : undefined;
    if (told?.kind !== "entry") {
      throw this.#damaged(frameAt(this.#index, dataStart), "no member stands where one should");
    }
    const sparse = told.sparse === undefined ? {} : { sparse: told.sparse };
    yield first.place?.whole === true ? header : encodeMember(first.entry, sparse);
    if (others.length === 0 || end - dataStart > keptContent) {
      yield* this.#frames.range(dataStart, end);
      const source = { version: this.#task.version, reader: new PackReader(this.#task.options) };
      for (const other of others) {
        yield* encodeStored(other, source);
      }
      return;
    }
    const content = await collect(this.#frames.range(dataStart, end));
    yield content;
    for (const { entry } of others) {
      yield encodeMember(entry, sparse);
      yield content;
    }
  }

  #start(member: number): number {
    return this.#index.memberRaw[member] as number;
  }

  #entriesOf(member: number): readonly StoredEntry[] {
    const { wanted, table } = this.#task;
    return wanted.placesOf(member).map((place) => table.storedAt(place));
  }

  /** The error that names the first wanted entry of the frame. */
  #damaged(frame: number, problem: string): Error {
    const { version, pack, wanted } = this.#task;
    const begin = this.#index.frameRaw[frame] as number;
    let hit = wanted.next(0);
    for (let member = hit; member >= 0 && this.#start(hit + 1) <= begin; member = wanted.next(member + 1)) {
      hit = member;
    }
    const path = (this.#entriesOf(hit)[0] as StoredEntry).entry.path;
    return damaged({ pack, member: hit, version: version.manifest, path }, problem);
  }
}

/** The frames that hold the members, rising. */
function framesOf(index: PackIndex, wanted: WantedOfPack): readonly number[] {
  const frames: number[] = [];
  for (let member = wanted.next(0); member >= 0; member = wanted.next(member + 1)) {
    const end = index.memberRaw[member + 1] as number;
    const last = frames.at(-1) ?? -1;
    // Most members lie in the frame that the one before them ended in.
    if (last >= 0 && (index.frameRaw[last + 1] as number) >= end) {
      continue;
    }
    let frame = frameAt(index, index.memberRaw[member] as number);
    for (frame = Math.max(frame, last + 1); (index.frameRaw[frame] as number) < end; frame++) {
      frames.push(frame);
    }
  }
  return frames;
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) {
    parts.push(part);
  }
  return Buffer.concat(parts);
}
