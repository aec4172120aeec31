/**
 * Finds members of packs by content: an open-addressing hash table of four bytes a slot, because a store may hold millions; what a slot
 * means is read in the packs' indexes. The key of a member with content is the digest of that content; the key of any other is the
 * first bytes of its header's digest.
 */
import { type Sliced, sliceSteps } from "../../base/slices.ts";
import type { MemberId } from "./entry-line.ts";
import { memberDigest, memberHeaderKey, type PackIndex } from "./pack-index.ts";

export class MemberTable {
  readonly #indexes: readonly PackIndex[];
  /** Of each pack how many members those before it have; behind the last, how many there are. */
  readonly #starts: readonly number[];
  /** A member's number among all plus one; 0 is free. */
  readonly #slots: Uint32Array;

  private constructor(indexes: readonly PackIndex[]) {
    const starts = [0];
    for (const { members } of indexes) {
      starts.push((starts.at(-1) ?? 0) + members);
    }
    this.#indexes = indexes;
    this.#starts = starts;
    const count = starts.at(-1) ?? 0;
    // At most two of three slots are taken.
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(16, count * 1.5))));
  }

  /** The table of these packs, in slices. Of members with one key, the first counts. */
  static *of(indexes: readonly PackIndex[]): Sliced<MemberTable> {
    const table = new MemberTable(indexes);
    let number = 0;
    for (const index of indexes) {
      for (let member = 0; member < index.members; member++) {
        number += 1;
        table.#enter(keyOf(index, member), number);
        if (number % sliceSteps === 0) {
          yield;
        }
      }
    }
    return table;
  }

  #enter(key: Uint8Array, numberPlusOne: number): void {
    const slot = this.#slotOf(key);
    if (this.#slots[slot] === 0) {
      this.#slots[slot] = numberPlusOne;
    }
  }

  /** `key` is a digest, or the first bytes of a header's. */
  get(key: Uint8Array): MemberId | undefined {
    const number = this.#slots[this.#slotOf(key)] as number;
    return number === 0 ? undefined : this.#memberOf(number - 1);
  }

  /** The slot that holds the key, or the free one where it belongs. */
  #slotOf(key: Uint8Array): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(key) & mask;
    for (;;) {
      const number = this.#slots[slot] as number;
      if (number === 0 || this.#holds(number - 1, key)) {
        return slot;
      }
      slot = (slot + 1) & mask;
    }
  }

  #holds(number: number, key: Uint8Array): boolean {
    const { pack, member } = this.#memberOf(number);
    return Buffer.compare(keyOf(this.#indexes[pack] as PackIndex, member), key) === 0;
  }

  #memberOf(number: number): MemberId {
    let pack = 0;
    let after = this.#indexes.length;
    while (after - pack > 1) {
      const middle = (pack + after) >>> 1;
      if ((this.#starts[middle] as number) <= number) {
        pack = middle;
      } else {
        after = middle;
      }
    }
    return { pack, member: number - (this.#starts[pack] as number) };
  }
}

function keyOf(index: PackIndex, member: number): Uint8Array {
  return memberDigest(index, member) ?? memberHeaderKey(index, member);
}

/** The key's first four bytes: it is a digest already. */
function hashOf(key: Uint8Array): number {
  return (
    (key[0] as number) | ((key[1] as number) << 8) | ((key[2] as number) << 16) | ((key[3] as number) << 24)
  );
}
