/** What became of the members of a stream, by their ordinal in the plan: 33 bytes each, and attributes where there are any. */
import type { ExtendedAttributes } from "../entry.ts";

/** What became of the streamed writes, by their ordinal (0 for the first write that is streamed). */
export interface Received {
  state(ordinal: number): "vanished" | "whole" | "torn";
  markTorn(ordinal: number): void;
  /** SHA-256 of a file's content, lower-case hex; undefined where it was not asked for. */
  digest(ordinal: number): string | undefined;
  extended(ordinal: number): ExtendedAttributes;
  readonly bytes: number;
}

const states = ["vanished", "whole", "torn"] as const;
const none: ExtendedAttributes = [];
const noDigest = "0".repeat(64);

export class MemberTable implements Received {
  bytes = 0;
  #states = new Uint8Array(1024);
  #digests = Buffer.alloc(0);
  readonly #extended = new Map<number, ExtendedAttributes>();

  state(ordinal: number): "vanished" | "whole" | "torn" {
    return states[this.#states[ordinal] ?? 0] ?? "vanished";
  }

  set(ordinal: number, state: "whole" | "torn", extended: ExtendedAttributes): void {
    if (ordinal >= this.#states.length) {
      const grown = new Uint8Array(Math.max(ordinal + 1, this.#states.length * 2));
      grown.set(this.#states);
      this.#states = grown;
    }
    this.#states[ordinal] = states.indexOf(state);
    if (extended.length > 0) {
      this.#extended.set(ordinal, extended);
    }
  }

  markTorn(ordinal: number): void {
    this.#states[ordinal] = states.indexOf("torn");
  }

  setDigest(ordinal: number, digest: Buffer): void {
    const end = (ordinal + 1) * 32;
    if (end > this.#digests.length) {
      this.#digests = Buffer.concat([this.#digests], Math.max(end, this.#digests.length * 2, 32 * 1024));
    }
    this.#digests.set(digest, ordinal * 32);
  }

  digest(ordinal: number): string | undefined {
    const digest = this.#digests.toString("hex", ordinal * 32, ordinal * 32 + 32);
    return digest === "" || digest === noDigest ? undefined : digest;
  }

  extended(ordinal: number): ExtendedAttributes {
    return this.#extended.get(ordinal) ?? none;
  }
}
