/**
 * Finds members by content: an open-addressing hash table over typed arrays, because a store may hold millions. The key of
 * a member with content is the digest of that content; the key of any other is the digest of its header.
 */
import type { MemberId } from "./entry-line.ts";

const keyBytes = 32;

export class MemberTable {
  #slots = new Int32Array(1024).fill(-1);
  #keys = new Uint8Array(512 * keyBytes);
  #packs = new Int32Array(512);
  #members = new Int32Array(512);
  #count = 0;

  /** Adds a member, unless one with this key is there. `key` has 32 bytes, or fewer that are filled up with zeros. */
  add(key: Uint8Array, id: MemberId): void {
    if (this.#count * 2 >= this.#slots.length) {
      this.#grow();
    }
    const slot = this.#find(key);
    if (this.#slots[slot] !== -1) {
      return;
    }
    const ordinal = this.#count++;
    this.#slots[slot] = ordinal;
    this.#keys.set(key, ordinal * keyBytes);
    this.#packs[ordinal] = id.pack;
    this.#members[ordinal] = id.member;
  }

  get(key: Uint8Array): MemberId | undefined {
    const ordinal = this.#slots[this.#find(key)] as number;
    return ordinal === -1
      ? undefined
      : { pack: this.#packs[ordinal] as number, member: this.#members[ordinal] as number };
  }

  /** The slot that holds the key, or the free one where it belongs. */
  #find(key: Uint8Array): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(key, 0) & mask;
    for (;;) {
      const ordinal = this.#slots[slot] as number;
      if (ordinal === -1 || this.#holds(ordinal, key)) {
        return slot;
      }
      slot = (slot + 1) & mask;
    }
  }

  #holds(ordinal: number, key: Uint8Array): boolean {
    const start = ordinal * keyBytes;
    for (let i = 0; i < keyBytes; i++) {
      if (this.#keys[start + i] !== (key[i] ?? 0)) {
        return false;
      }
    }
    return true;
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const capacity = this.#slots.length / 2;
    this.#keys = extended(this.#keys, new Uint8Array(capacity * keyBytes));
    this.#packs = extended(this.#packs, new Int32Array(capacity));
    this.#members = extended(this.#members, new Int32Array(capacity));
    const mask = this.#slots.length - 1;
    for (let ordinal = 0; ordinal < this.#count; ordinal++) {
      let slot = hashOf(this.#keys, ordinal * keyBytes) & mask;
      while (this.#slots[slot] !== -1) {
        slot = (slot + 1) & mask;
      }
      this.#slots[slot] = ordinal;
    }
  }
}

/** The key's first four bytes: it is a digest already. */
function hashOf(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] as number) |
    ((bytes[offset + 1] as number) << 8) |
    ((bytes[offset + 2] as number) << 16) |
    ((bytes[offset + 3] as number) << 24)
  );
}

function extended<T extends Uint8Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
