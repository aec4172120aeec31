/**
 * Push decoder of tar archives: ustar, GNU long names, base-256 numbers, pax headers, GNU sparse files of every format. What
 * comes from outside is hostile: sizes are checked before anything is kept, names are parsed before anything is told.
 */
import { escapePath } from "../../base/path-bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";
import {
  defaultLimits,
  type RawMembers,
  type TarDecoderOptions,
  type TarEvent,
  type TarLimits,
  type TarProblem,
} from "./events.ts";
import { blockSize, decodeHeader, isZeroBlock, paddingOf, type TarHeader } from "./header.ts";
import { type MemberSource, memberOf } from "./member.ts";
import { MetaHeaders } from "./meta-headers.ts";
import { checkSparseMap, type SparseMap } from "./sparse.ts";
import { DataHeadBlocks, OldSparseBlocks, type SparseBlocks } from "./sparse-blocks.ts";
import { sparseStart } from "./sparse-start.ts";

type State = "header" | "meta" | "sparse-map" | "old-sparse" | "data" | "padding" | "ended";

/** The member whose headers are being read. */
interface OpenMember {
  readonly source: MemberSource;
  /** Where its sparse map has blocks of its own. */
  readonly sparse?: SparseBlocks;
}

const entryEnd: TarEvent = { kind: "entry-end" };

/** Decodes one archive. After a problem the decoder must not be used further. */
export class TarDecoder {
  readonly #limits: TarLimits;
  readonly #meta: MetaHeaders;
  readonly #sink: ((event: TarEvent) => void) | undefined;
  readonly #raw: RawMembers | undefined;
  readonly #concatenated: boolean;
  /** The member that is being read goes to `#raw`. */
  #isRaw = false;
  /** A block that arrives in pieces. */
  readonly #block = new Uint8Array(blockSize);
  #filled = 0;
  /** Bytes of the archive that were taken in. */
  #position = 0;
  #state: State = "header";
  #zeroBlocks = 0;
  /** Bytes left of the current data or padding. */
  #left = 0;
  #padding = 0;
  #member: OpenMember | undefined;
  #events: TarEvent[] = [];

  constructor(options: TarDecoderOptions = {}) {
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#meta = new MetaHeaders(this.#limits);
    this.#sink = options.sink;
    this.#concatenated = options.concatenated === true;
    this.#raw = options.sink === undefined ? undefined : options.raw;
  }

  write(chunk: Uint8Array): Result<readonly TarEvent[], TarProblem> {
    this.#events = [];
    let offset = 0;
    while (offset < chunk.length && this.#state !== "ended") {
      const step = this.#step(chunk, offset);
      if (!step.ok) {
        return err({ message: step.error, offset: this.#position, ...this.#memberName() });
      }
      offset += step.value;
      this.#position += step.value;
    }
    return ok(this.#events);
  }

  /** Tells whether the archive was whole. */
  end(): Result<void, TarProblem> {
    if (this.#state === "ended" || (this.#state === "header" && this.#zeroBlocks > 0 && this.#filled === 0)) {
      return ok(undefined);
    }
    return err({ message: "archive ends in the middle", offset: this.#position, ...this.#memberName() });
  }

  #memberName(): { readonly member?: string } {
    const name = this.#isRaw ? this.#raw?.name : (this.#member?.source.name ?? this.#meta.name);
    return name === undefined ? {} : { member: escapePath(name.slice(0, 4096)) };
  }

  /** Consumes some bytes of the chunk; returns how many. */
  #step(chunk: Uint8Array, offset: number): Result<number, string> {
    switch (this.#state) {
      case "data":
        return ok(this.#data(chunk, offset));
      case "padding":
        return ok(this.#skip(chunk, offset));
      case "meta":
        return this.#metaContent(chunk, offset);
      case "header": {
        const raw = this.#rawMember(chunk, offset);
        return raw > 0 ? ok(raw) : this.#wholeBlock(chunk, offset);
      }
      default:
        return this.#wholeBlock(chunk, offset);
    }
  }

  /** Length of the headers of a member that is taken raw, 0 where it is not. */
  #rawMember(chunk: Uint8Array, offset: number): number {
    const raw = this.#raw;
    if (raw === undefined || this.#filled > 0 || this.#zeroBlocks > 0 || this.#meta.pending) {
      return 0;
    }
    const length = raw.begin(chunk, offset);
    if (length === 0) {
      return 0;
    }
    this.#left = raw.size;
    this.#padding = paddingOf(raw.size);
    this.#isRaw = true;
    if (raw.size === 0) {
      this.#endMember();
    } else {
      this.#state = "data";
    }
    return length;
  }

  #tell(event: TarEvent): void {
    if (this.#sink === undefined) {
      this.#events.push(event);
    } else {
      this.#sink(event);
    }
  }

  /** Reads a block where it lies, or from its pieces. */
  #wholeBlock(chunk: Uint8Array, offset: number): Result<number, string> {
    if (this.#filled === 0 && chunk.length - offset >= blockSize) {
      const done = this.#blockAt(chunk, offset);
      return done.ok ? ok(blockSize) : done;
    }
    const taken = Math.min(blockSize - this.#filled, chunk.length - offset);
    this.#block.set(chunk.subarray(offset, offset + taken), this.#filled);
    this.#filled += taken;
    if (this.#filled < blockSize) {
      return ok(taken);
    }
    this.#filled = 0;
    const done = this.#blockAt(this.#block, 0);
    return done.ok ? ok(taken) : done;
  }

  #blockAt(bytes: Uint8Array, at: number): Result<void, string> {
    return this.#state === "header" ? this.#headerBlock(bytes, at) : this.#sparseBlock(bytes, at);
  }

  #headerBlock(bytes: Uint8Array, at: number): Result<void, string> {
    if (isZeroBlock(bytes, at)) {
      if (this.#meta.pending) {
        return err("archive ends after a pax header");
      }
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks === 2 && !this.#concatenated) {
        this.#state = "ended";
        this.#tell({ kind: "end" });
      }
      return ok(undefined);
    }
    if (this.#concatenated) {
      this.#zeroBlocks = 0;
    }
    if (this.#zeroBlocks > 0) {
      return err("a single block of zeros stands between members");
    }
    const decoded = decodeHeader(bytes, at);
    if (!decoded.ok) {
      return decoded;
    }
    const header = decoded.value;
    return "xgLK".includes(header.typeflag)
      ? this.#metaHeader(header)
      : this.#memberHeader(header, { bytes, at });
  }

  #metaHeader(header: TarHeader): Result<void, string> {
    const begun = this.#meta.begin(header.typeflag, header.size);
    this.#padding = paddingOf(header.size);
    if (begun.ok && header.size > 0) {
      this.#state = "meta";
    }
    return begun;
  }

  #metaContent(chunk: Uint8Array, offset: number): Result<number, string> {
    const step = this.#meta.take(chunk, offset);
    if (!step.ok) {
      return step;
    }
    if (step.value.done) {
      this.#left = this.#padding;
      this.#state = this.#left > 0 ? "padding" : "header";
    }
    return ok(step.value.taken);
  }

  #memberHeader(
    header: TarHeader,
    block: { readonly bytes: Uint8Array; readonly at: number },
  ): Result<void, string> {
    const { records, longName, longLink, segments } = this.#meta.takeMember();
    const size = records.get("size");
    const source: MemberSource = {
      header,
      records,
      name: records.get("GNU.sparse.name") ?? records.get("path") ?? longName ?? header.name,
      linkname: records.get("linkpath") ?? longLink ?? header.linkname,
      size: size === undefined ? header.size : Number(size),
    };
    this.#member = { source };
    if (!Number.isSafeInteger(source.size) || source.size < 0) {
      return err("size is no number");
    }
    this.#left = source.size;
    this.#padding = paddingOf(source.size);
    const { maxSegments } = this.#limits;
    const start = sparseStart({ source, segments, ...block, maxSegments });
    if (!start.ok) {
      return start;
    }
    switch (start.value.kind) {
      case "plain":
        return this.#begin(source, undefined);
      case "whole":
        return this.#begin(source, start.value.map);
      case "old-blocks":
        this.#member = { source, sparse: new OldSparseBlocks(start.value, maxSegments) };
        this.#state = "old-sparse";
        return ok(undefined);
      case "data-head":
        this.#member = { source, sparse: new DataHeadBlocks(start.value, maxSegments) };
        this.#state = "sparse-map";
        return ok(undefined);
    }
  }

  /** A further block of a sparse member's map. */
  #sparseBlock(bytes: Uint8Array, at: number): Result<void, string> {
    const member = this.#member;
    if (member?.sparse === undefined) {
      return err("sparse blocks without a member");
    }
    const inData = this.#state === "sparse-map";
    if (inData && this.#left < blockSize) {
      return err("sparse map is longer than its member");
    }
    this.#left -= inData ? blockSize : 0;
    const map = member.sparse.block(bytes, at);
    if (!map.ok) {
      return map;
    }
    return map.value === undefined ? ok(undefined) : this.#begin(member.source, map.value);
  }

  /** All of the member's headers are there: tell the entry and go on to its data. */
  #begin(source: MemberSource, sparse: SparseMap | undefined): Result<void, string> {
    const wrong = sparse === undefined ? undefined : checkSparseMap(sparse, this.#left);
    if (wrong !== undefined) {
      return err(wrong);
    }
    const decoded = memberOf(source, sparse?.realSize ?? source.size);
    if (!decoded.ok) {
      return decoded;
    }
    const entry = decoded.value;
    const dataLength = this.#left;
    if (entry.kind !== "file" && dataLength > 0) {
      return err(`${entry.kind} with ${dataLength} bytes of content`);
    }
    this.#tell(
      sparse === undefined
        ? { kind: "entry", entry, dataLength }
        : {
            kind: "entry",
            entry,
            dataLength,
            sparse: { realSize: sparse.realSize, segments: sparse.segments },
          },
    );
    if (dataLength === 0) {
      this.#endMember();
    } else {
      this.#state = "data";
    }
    return ok(undefined);
  }

  #data(chunk: Uint8Array, offset: number): number {
    const taken = Math.min(this.#left, chunk.length - offset);
    if (this.#isRaw) {
      this.#raw?.content(chunk, offset, offset + taken);
    } else {
      this.#tell({ kind: "data", bytes: chunk.subarray(offset, offset + taken) });
    }
    this.#left -= taken;
    if (this.#left === 0) {
      this.#endMember();
    }
    return taken;
  }

  #endMember(): void {
    if (this.#isRaw) {
      this.#raw?.end();
    } else {
      this.#tell(entryEnd);
    }
    this.#member = undefined;
    this.#left = this.#padding;
    this.#state = "padding";
    if (this.#left === 0) {
      this.#endPadding();
    }
  }

  #endPadding(): void {
    this.#state = "header";
    this.#isRaw = false;
  }

  #skip(chunk: Uint8Array, offset: number): number {
    const taken = Math.min(this.#left, chunk.length - offset);
    if (this.#isRaw) {
      this.#raw?.padding(chunk, offset, offset + taken);
    }
    this.#left -= taken;
    if (this.#left === 0) {
      this.#endPadding();
    }
    return taken;
  }
}
