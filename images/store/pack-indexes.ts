/**
 * The indexes of packs that somebody has at hand. A pack never changes, so all who read it share one index: that of a million members
 * has 64 MB. It goes when the last of them has done with it.
 */
import type { BigIntStats } from "node:fs";
import type { PackIndex } from "./pack-index.ts";

export class PackIndexes {
  /** By the file that was read: one that was put in its place, as out of a backup, is another. */
  readonly #known = new Map<string, WeakRef<PackIndex>>();
  /** At so many, those that are gone are cleared away: each is looked at a few times at most, however many packs are opened. */
  #clearAt = 64;

  /** The index of an open pack, if somebody has it. */
  get(file: BigIntStats): PackIndex | undefined {
    return this.#known.get(keyOf(file))?.deref();
  }

  /** Takes an index that has been read. */
  add(file: BigIntStats, index: PackIndex): void {
    if (this.#known.size >= this.#clearAt) {
      for (const [key, known] of this.#known) {
        if (known.deref() === undefined) {
          this.#known.delete(key);
        }
      }
      this.#clearAt = Math.max(64, this.#known.size * 2);
    }
    this.#known.set(keyOf(file), new WeakRef(index));
  }
}

function keyOf({ dev, ino, size, ctimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${size} ${ctimeNs}`;
}
