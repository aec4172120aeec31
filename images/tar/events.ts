/** What a decoder of tar archives is given and tells. */
import type { FileEntry } from "../entry.ts";
import type { MetaLimits } from "./meta-headers.ts";
import type { SparseMap } from "./sparse.ts";

export type TarLimits = MetaLimits;

export const defaultLimits: TarLimits = {
  maxMetaBytes: 8 * 1024 * 1024,
  maxRecords: 8192,
  maxMetaHeaders: 8,
  maxSegments: 4_000_000,
};

export type TarEvent =
  | {
      readonly kind: "entry";
      readonly entry: FileEntry;
      /** Bytes that the data events of this entry add up to: the file's size, or a sparse file's segments. */
      readonly dataLength: number;
      readonly sparse?: SparseMap;
    }
  /** Content; a view of the chunk that was written. */
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  /** The entry is complete. */
  | { readonly kind: "entry-end" }
  /** The archive's end mark. */
  | { readonly kind: "end" };

/**
 * Takes members as the bytes they are, headers and padding too, for which no events are told then. What it does not want is
 * decoded.
 */
export interface RawMembers {
  /** Of the member that was begun last: its size, and its path for messages. */
  readonly size: number;
  readonly name: string;
  /** Length of the headers at `at`, where they begin a member that is wanted raw and lie whole in the chunk; else 0. */
  begin(chunk: Uint8Array, at: number): number;
  content(chunk: Uint8Array, from: number, to: number): void;
  padding(chunk: Uint8Array, from: number, to: number): void;
  /** The content is complete. */
  end(): void;
}

export interface TarDecoderOptions {
  readonly limits?: Partial<TarLimits>;
  /** Is told each event when it comes; `write` returns none then. */
  readonly sink?: (event: TarEvent) => void;
  /** Several archives one behind the other are read as one: blocks of zeros between members mean nothing. */
  readonly concatenated?: boolean;
  /** Asked at the beginning of every member, after all events before it were told; needs a `sink`. */
  readonly raw?: RawMembers;
}

export interface TarProblem {
  readonly message: string;
  /** The member it is about, escaped, where its name is known. */
  readonly member?: string;
  /** How many bytes of the archive were read before it. */
  readonly offset: number;
}
