/** The facts of a listing's record read where they lie: what nearly every record looks like, without a string for each field. */

/** Filled anew for each record. */
export interface ListingFacts {
  /** Character code of find's `%y`. */
  type: number;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  blocks: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  ctimeSeconds: number;
  ctimeNanoseconds: number;
  inodeStart: number;
  inodeEnd: number;
  links: number;
}

const space = 0x20;
const dot = 0x2e;
const zero = 0x30;

/** Reads decimal and octal numbers one after the other; every other sight makes it fail for good. */
export class FactsReader {
  readonly facts: ListingFacts = {
    type: 0,
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    blocks: 0,
    mtimeSeconds: 0,
    mtimeNanoseconds: 0,
    ctimeSeconds: 0,
    ctimeNanoseconds: 0,
    inodeStart: 0,
    inodeEnd: 0,
    links: 0,
  };
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  #failed = false;

  /** True where `facts` now are those from `start` up to `end`; false where something about them is unusual. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    const { facts } = this;
    this.#bytes = bytes;
    this.#at = start + 2;
    this.#end = end;
    this.#failed = bytes[start + 1] !== space;
    facts.type = bytes[start] as number;
    facts.mode = this.#number(8, 4);
    facts.uid = this.#number(10, 9);
    facts.gid = this.#number(10, 9);
    facts.size = this.#number(10, 15);
    facts.blocks = this.#number(10, 15);
    facts.mtimeSeconds = this.#seconds();
    facts.mtimeNanoseconds = this.#fraction();
    facts.ctimeSeconds = this.#seconds();
    facts.ctimeNanoseconds = this.#fraction();
    facts.inodeStart = this.#at;
    while (this.#at < end && bytes[this.#at] !== space) {
      this.#at += 1;
    }
    facts.inodeEnd = this.#at;
    this.#at += 1;
    facts.links = this.#number(10, 9);
    return !this.#failed && this.#at === end + 1;
  }

  /** Digits up to the next space or the end. */
  #number(base: number, most: number): number {
    return this.#digits({ base, most, stop: space });
  }

  #seconds(): number {
    return this.#digits({ base: 10, most: 15, stop: dot });
  }

  #digits(field: { readonly base: number; readonly most: number; readonly stop: number }): number {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    let value = 0;
    for (; at < this.#end && bytes[at] !== field.stop; at++) {
      const digit = (bytes[at] as number) - zero;
      if (digit < 0 || digit >= field.base) {
        this.#failed = true;
      }
      value = value * field.base + digit;
    }
    this.#failed ||= at === from || at - from > field.most;
    this.#at = at + 1;
    return value;
  }

  /** Nine digits of a second; more follow, which are none of the kernel's. */
  #fraction(): number {
    const bytes = this.#bytes;
    const last = this.#at + 9;
    let value = 0;
    for (; this.#at < this.#end && bytes[this.#at] !== space; this.#at++) {
      const digit = (bytes[this.#at] as number) - zero;
      this.#failed ||= digit < 0 || digit > 9;
      if (this.#at < last) {
        value = value * 10 + digit;
      }
    }
    this.#failed ||= this.#at < last;
    this.#at += 1;
    return value;
  }
}
