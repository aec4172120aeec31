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

export interface StoredOrderOptions {
  readonly signal?: AbortSignal;
  /** Told of each read of a pack. */
  readonly onRead?: (frames: number) => void;
}

/** A member, and the entries whose content it has: several where files of the version are the same. */
interface WantedMember {
  readonly member: number;
  readonly entries: StoredEntry[];
}

/** The members' bytes, padding included; nothing for sockets. */
export async function* inStoredOrder(
  version: OpenVersion,
  wanted: Iterable<StoredEntry>,
  options: StoredOrderOptions = {},
): AsyncGenerator<Uint8Array> {
  const byPack = version.packs.map(() => new Map<number, WantedMember>());
  for (const stored of wanted) {
    const { entry, place } = stored;
    const hasContent = entry.kind === "file" && entry.size > 0;
    const members = place === undefined ? undefined : byPack[place.pack];
    if (place === undefined || members === undefined || (!hasContent && !place.whole)) {
      yield* encodeStored(stored, { version, reader: new PackReader() });
      continue;
    }
    const known = members.get(place.member);
    if (known === undefined) {
      members.set(place.member, { member: place.member, entries: [stored] });
    } else {
      known.entries.push(stored);
    }
  }
  for (const [number, members] of byPack.entries()) {
    if (members.size > 0) {
      const sorted = [...members.values()].sort((a, b) => a.member - b.member);
      yield* new PackPass({
        version,
        pack: version.packs[number] as PackFile,
        wanted: sorted,
        options,
      }).run();
    }
  }
}

/** Content that several entries want is kept for them up to this size; what is larger has frames of its own, and is read again. */
const keptContent = 4 * 1024 * 1024;

interface PackTask {
  readonly version: OpenVersion;
  readonly pack: PackFile;
  /** By member, rising. */
  readonly wanted: readonly WantedMember[];
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
      for (let at = 0; at < wanted.length; ) {
        const first = wanted[at] as WantedMember;
        const end = this.#endOfRun(at);
        if (end > at) {
          const last = wanted[end - 1] as WantedMember;
          yield* this.#frames.range(this.#start(first.member), this.#start(last.member + 1));
          at = end;
        } else {
          yield* this.#rewritten(first);
          at += 1;
        }
      }
    } finally {
      await this.#frames.close();
    }
  }

  /** The place behind the wanted members that follow each other in the pack and are wanted once and as they are. */
  #endOfRun(at: number): number {
    const { wanted } = this.#task;
    let end = at;
    for (let next = wanted[end]; next !== undefined; next = wanted[end]) {
      const follows = end === at || next.member === (wanted[end - 1] as WantedMember).member + 1;
      if (!follows || next.entries.length > 1 || next.entries[0]?.place?.whole !== true) {
        break;
      }
      end += 1;
    }
    return end;
  }

  /** Content that is wanted under other headers than it is stored with, or more than once. */
  async *#rewritten({ member, entries }: WantedMember): AsyncGenerator<Uint8Array> {
    const [first, ...others] = entries as [StoredEntry, ...StoredEntry[]];
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

  /** The error that names the first wanted entry of the frame. */
  #damaged(frame: number, problem: string): Error {
    const { version, pack, wanted } = this.#task;
    const begin = this.#index.frameRaw[frame] as number;
    const hit = wanted.find(({ member }) => this.#start(member + 1) > begin) ?? (wanted[0] as WantedMember);
    const path = (hit.entries[0] as StoredEntry).entry.path;
    return damaged({ pack, member: hit.member, version: version.manifest, path }, problem);
  }
}

/** The frames that hold the members, rising. */
function framesOf(index: PackIndex, wanted: readonly WantedMember[]): readonly number[] {
  const frames: number[] = [];
  for (const { member } of wanted) {
    const end = index.memberRaw[member + 1] as number;
    const last = frames.at(-1) ?? -1;
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
