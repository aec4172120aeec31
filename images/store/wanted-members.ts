/**
 * Which entries of a version are wanted, and the order in which the store has them: pack by pack, each from front to back. A few bytes for
 * each member of a pack, however many are wanted.
 */
import { wordColumn } from "../sync/columns.ts";
import type { PackIndex } from "./pack-index.ts";
import type { VersionTable } from "./version-table.ts";

export class WantedMembers {
  readonly table: VersionTable;
  /** By pack of the version; undefined for one that nothing is wanted of. */
  readonly packs: readonly (WantedOfPack | undefined)[];
  readonly #loose = wordColumn();
  #looseCount = 0;

  /** Takes places in the table, each once. `indexes` are those of the version's packs. */
  constructor(table: VersionTable, indexes: readonly PackIndex[], places: Iterable<number>) {
    this.table = table;
    const packs: (WantedOfPack | undefined)[] = indexes.map(() => undefined);
    for (const place of places) {
      const stored = table.placeAt(place);
      const index = stored === undefined ? undefined : indexes[stored.pack];
      if (stored === undefined || index === undefined || !(stored.whole || table.hasContent(place))) {
        this.#loose.set(this.#looseCount++, place);
      } else {
        const pack = packs[stored.pack] ?? new WantedOfPack(index.members);
        packs[stored.pack] = pack;
        pack.add(stored.member, place);
      }
    }
    this.packs = packs;
  }

  /** Places of entries that no pack has a member for. */
  *loose(): Generator<number> {
    for (let at = 0; at < this.#looseCount; at++) {
      yield this.#loose.at(at);
    }
  }

  /** All places, in the order in which their members come. */
  *[Symbol.iterator](): Generator<number> {
    yield* this.loose();
    for (const pack of this.packs) {
      for (let member = pack?.next(0) ?? -1; member >= 0; member = pack?.next(member + 1) ?? -1) {
        yield* pack?.placesOf(member) ?? [];
      }
    }
  }
}

export class WantedOfPack {
  /** Place plus one of the first entry that wants a member; 0 where none does. */
  readonly #first: Uint32Array;
  /** Where files of the version are the same. */
  readonly #others = new Map<number, number[]>();

  constructor(members: number) {
    this.#first = new Uint32Array(members);
  }

  add(member: number, place: number): void {
    if (this.#first[member] === 0) {
      this.#first[member] = place + 1;
      return;
    }
    const others = this.#others.get(member);
    if (others === undefined) {
      this.#others.set(member, [place]);
    } else {
      others.push(place);
    }
  }

  /** The first wanted member from `from` on; -1 where none is left. */
  next(from: number): number {
    for (let member = from; member < this.#first.length; member++) {
      if (this.#first[member] !== 0) {
        return member;
      }
    }
    return -1;
  }

  /** The entries that have a member's content, in the order in which they were wanted. */
  placesOf(member: number): readonly number[] {
    const first = this.#first[member] ?? 0;
    return first === 0 ? [] : [first - 1, ...(this.#others.get(member) ?? [])];
  }

  /** The place of the entry that alone wants a member; -1 where none does, or several do. */
  soleOf(member: number): number {
    return this.#others.has(member) ? -1 : (this.#first[member] ?? 0) - 1;
  }
}
