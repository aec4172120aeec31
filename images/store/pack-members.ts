/** The members of a pack that is being written: some fifty bytes for each. */
import { CountColumn } from "../sync/columns.ts";
import { digestBytes, headerKeyBytes, type PackMember } from "./pack-index.ts";

const runLength = 1024;
const hashBytes = headerKeyBytes + digestBytes;

export class PackMembers implements Iterable<PackMember> {
  readonly #blocks = new CountColumn();
  readonly #headerBlocks = new CountColumn();
  readonly #hasDigest = new CountColumn();
  /** Of each member the key of its header and its content's digest. */
  readonly #hashes: Uint8Array[] = [];
  length = 0;

  /** Returns the member's ordinal. */
  add({ blocks, headerBlocks, headerKey, digest }: PackMember): number {
    const member = this.length;
    this.length += 1;
    this.#blocks.set(member, blocks);
    this.#headerBlocks.set(member, headerBlocks);
    this.#hasDigest.set(member, digest === undefined ? 0 : 1);
    if (member % runLength === 0) {
      this.#hashes.push(new Uint8Array(runLength * hashBytes));
    }
    const hashes = this.#hashesOf(member);
    hashes.set(headerKey.subarray(0, headerKeyBytes));
    hashes.set(digest ?? [], headerKeyBytes);
    return member;
  }

  digestOf(member: number): Uint8Array | undefined {
    return this.#hasDigest.at(member) === 0 ? undefined : this.#hashesOf(member).subarray(headerKeyBytes);
  }

  *[Symbol.iterator](): Generator<PackMember> {
    for (let member = 0; member < this.length; member++) {
      const digest = this.digestOf(member);
      yield {
        blocks: this.#blocks.at(member),
        headerBlocks: this.#headerBlocks.at(member),
        headerKey: this.#hashesOf(member).subarray(0, headerKeyBytes),
        ...(digest === undefined ? {} : { digest }),
      };
    }
  }

  #hashesOf(member: number): Uint8Array {
    const start = (member % runLength) * hashBytes;
    const run = this.#hashes[Math.floor(member / runLength)] as Uint8Array;
    return run.subarray(start, start + hashBytes);
  }
}
