/**
 * Paths that are longer than a system call takes (4096 bytes with the NUL that ends them), or nearly so. Find goes through such directories and lists what is
 * in them, tar and the rest cannot name it: it is left out and said, so that a directory that anybody can make does not stop a capture.
 */
import { escapePath, type RelPath } from "../../base/path-bytes.ts";

/** What is left when the names of staging folders stand before it. */
const longest = 4000;

const named = 3;

/** Notes what is too long among the paths that it is asked about. */
export class LongPaths {
  readonly #first: RelPath[] = [];
  #count = 0;

  /** True where tools can name the path; the others are counted. */
  fits(path: RelPath): boolean {
    if (path.length <= longest) {
      return true;
    }
    this.#count += 1;
    if (this.#first.length < named) {
      this.#first.push(path);
    }
    return false;
  }

  /** A sentence each, of the first few, and how many more there are. */
  warnings(what: string): readonly string[] {
    const rest = this.#count - this.#first.length;
    return [
      ...this.#first.map(
        (path) =>
          `/${escapePath(path.slice(0, 60))}… (${path.length} bytes) is longer than a path may be: ${what}`,
      ),
      ...(rest > 0 ? [`${rest} more paths are longer than a path may be: ${what}`] : []),
    ];
  }
}
