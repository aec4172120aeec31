/** The headers that stand before a member and are about it: pax records (local and global) and GNU's long names. */
import { concatBytes, toLatin1 } from "../../base/bytes.ts";
import { escapePath } from "../../base/path-bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { decodePax, type PaxRecord } from "./pax.ts";
import type { SparseSegment } from "./sparse.ts";

export interface MetaLimits {
  /** Bytes of one pax header or long name. */
  readonly maxMetaBytes: number;
  /** Records of one pax header. */
  readonly maxRecords: number;
  /** Pax headers and long names in a row before a member. */
  readonly maxMetaHeaders: number;
  /** Segments of one sparse file. */
  readonly maxSegments: number;
}

/** What was said about the next member. */
export interface MemberMeta {
  readonly records: ReadonlyMap<string, string>;
  readonly longName: string | undefined;
  readonly longLink: string | undefined;
  /** Of GNU sparse format 0.0. */
  readonly segments: readonly SparseSegment[];
}

const nothing: readonly SparseSegment[] = [];

export class MetaHeaders {
  readonly #limits: MetaLimits;
  readonly #globals = new Map<string, string>();
  #type = "";
  #left = 0;
  #parts: Uint8Array[] = [];
  #inRow = 0;
  #records = new Map<string, string>();
  #longName: string | undefined;
  #longLink: string | undefined;
  #segments: SparseSegment[] = [];

  constructor(limits: MetaLimits) {
    this.#limits = limits;
  }

  /** True while headers have come whose member has not. */
  get pending(): boolean {
    return this.#inRow > 0;
  }

  /** The next member's name as far as it is known, for messages. */
  get name(): string | undefined {
    return this.#records.get("path") ?? this.#longName;
  }

  /** Begins a header of `size` bytes of content. */
  begin(typeflag: string, size: number): Result<void, string> {
    this.#inRow += 1;
    if (this.#inRow > this.#limits.maxMetaHeaders) {
      return err(`more than ${this.#limits.maxMetaHeaders} extended headers in a row`);
    }
    if (size > this.#limits.maxMetaBytes) {
      return err(`extended header of ${size} bytes`);
    }
    this.#type = typeflag;
    this.#left = size;
    return size === 0 ? this.#content("") : ok(undefined);
  }

  /** Takes as many bytes of content from `at` on as belong to it. `done` where it is complete. */
  take(chunk: Uint8Array, at: number): Result<{ readonly taken: number; readonly done: boolean }, string> {
    const taken = Math.min(this.#left, chunk.length - at);
    const part = chunk.subarray(at, at + taken);
    this.#left -= taken;
    if (this.#left > 0) {
      this.#parts.push(part.slice());
      return ok({ taken, done: false });
    }
    const whole = this.#parts.length === 0 ? part : concatBytes([...this.#parts, part]);
    this.#parts = [];
    const kept = this.#content(toLatin1(whole));
    return kept.ok ? ok({ taken, done: true }) : kept;
  }

  /** Hands over what was said, and forgets it: the member is there. Local records go before global ones. */
  takeMember(): MemberMeta {
    const records = this.#records;
    for (const [key, value] of this.#globals) {
      if (!records.has(key)) {
        records.set(key, value);
      }
    }
    const meta = {
      records,
      longName: this.#longName,
      longLink: this.#longLink,
      segments: this.#segments.length === 0 ? nothing : this.#segments,
    };
    this.#inRow = 0;
    this.#records = new Map();
    this.#longName = undefined;
    this.#longLink = undefined;
    if (this.#segments.length > 0) {
      this.#segments = [];
    }
    return meta;
  }

  #content(content: string): Result<void, string> {
    if (this.#type === "L" || this.#type === "K") {
      let end = content.length;
      while (end > 0 && content.charCodeAt(end - 1) === 0) {
        end -= 1;
      }
      const text = content.slice(0, end);
      if (this.#type === "L") {
        this.#longName = text;
      } else {
        this.#longLink = text;
      }
      return ok(undefined);
    }
    const decoded = decodePax(content, this.#limits.maxRecords);
    if (!decoded.ok) {
      return decoded;
    }
    return this.#type === "g" ? this.#globalRecords(decoded.value) : this.#localRecords(decoded.value);
  }

  #localRecords(records: readonly PaxRecord[]): Result<void, string> {
    // GNU sparse 0.0 repeats these two keys, one pair a segment.
    let segmentOffset: number | undefined;
    for (const [key, value] of records) {
      if (key === "GNU.sparse.offset") {
        segmentOffset = Number(value);
      } else if (key === "GNU.sparse.numbytes") {
        if (segmentOffset === undefined || this.#segments.length >= this.#limits.maxSegments) {
          return err("sparse map is not in order");
        }
        this.#segments.push({ offset: segmentOffset, length: Number(value) });
        segmentOffset = undefined;
      } else {
        this.#records.set(key, value);
      }
    }
    return ok(undefined);
  }

  #globalRecords(records: readonly PaxRecord[]): Result<void, string> {
    for (const [key, value] of records) {
      if (!/^(mtime|atime|ctime|uid|gid|uname|gname|comment|charset|hdrcharset)$/.test(key)) {
        return err(`global pax record '${escapePath(key.slice(0, 200))}' would apply to every member`);
      }
      this.#globals.set(key, value);
    }
    this.#inRow = 0;
    return ok(undefined);
  }
}
