/**
 * Block digests that were made before. A file is named by what cannot stay the same when its content changes: a file of a version by
 * its SHA-256, a file in an image's tree by inode and times. A cache in memory: what is not in it is digested again.
 */
import type { DigestProgram } from "./block-digests.ts";

/** How a file was divided, and what digested it. */
export interface Division {
  readonly block: number;
  readonly program: DigestProgram;
}

/** 128 characters each, and some. */
const mostDigests = 50_000;

export class KnownBlocks {
  /** Those used last come last. */
  readonly #lists = new Map<string, readonly string[]>();
  #digests = 0;

  get(file: string, division: Division): readonly string[] | undefined {
    const key = keyOf(file, division);
    const found = this.#lists.get(key);
    if (found !== undefined) {
      this.#lists.delete(key);
      this.#lists.set(key, found);
    }
    return found;
  }

  set(file: string, division: Division, digests: readonly string[]): void {
    const key = keyOf(file, division);
    this.#digests += digests.length - (this.#lists.get(key)?.length ?? 0);
    this.#lists.delete(key);
    this.#lists.set(key, digests);
    for (const [oldest, list] of this.#lists) {
      if (this.#digests <= mostDigests) {
        break;
      }
      this.#lists.delete(oldest);
      this.#digests -= list.length;
    }
  }
}

function keyOf(file: string, { block, program }: Division): string {
  return `${program} ${block} ${file}`;
}

/** The name of a version's file. */
export function contentName(digest: string): string {
  return `sha256 ${digest}`;
}
