/**
 * The attributes immutable (`i`) and append-only (`a`), which chattr sets. In an image they are an extended attribute under a name of our
 * own: a tree on the server that had them could not be changed any more, and whatever carries attributes carries them too.
 */
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import type { ExtendedAttributes } from "../entry.ts";

/** As xattr(7) has it. */
export const flagsName = "trusted.ingot.flags";
/** As {@link ExtendedAttributes} have it. */
export const flagsKey = `SCHILY.xattr.${flagsName}`;

/** `i`, `a` or `ai`; "" where there are none. What is no flag is not believed: it ends up as a word of chattr. */
export function flagsOf(extended: ExtendedAttributes | undefined): string {
  const value = extended?.find(([key]) => key === flagsKey)?.[1] ?? "";
  return /^(a?i|a)$/.test(value) ? value : "";
}

/** The attributes with those flags and no others. */
export function withFlags(extended: ExtendedAttributes, flags: string): ExtendedAttributes {
  const rest = extended.filter(([key]) => key !== flagsKey);
  return flags === "" ? rest : [...rest, [flagsKey, flags] as const].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Reads lsattr's lines `LETTERS ./PATH`; only those that were asked for count, and a name that holds a newline is none of them. */
export class FlagsParser {
  readonly #isAsked: (path: RelPath) => boolean;
  readonly #found = new Map<RelPath, string>();
  #rest = "";

  constructor(isAsked: (path: RelPath) => boolean) {
    this.#isAsked = isAsked;
  }

  write(text: string): void {
    const lines = (this.#rest + text).split("\n");
    // A line is letters and a path of the kernel's at most.
    this.#rest = (lines.pop() ?? "").slice(0, 8192);
    for (const line of lines) {
      this.#line(line);
    }
  }

  end(): ReadonlyMap<RelPath, string> {
    this.#line(this.#rest);
    return this.#found;
  }

  #line(line: string): void {
    const match = /^([A-Za-z-]+) +(\.(?:\/.*)?)$/s.exec(line);
    const path = match?.[2] === undefined ? undefined : parseRelPath(match[2]);
    const flags = ["a", "i"].filter((flag) => match?.[1]?.includes(flag)).join("");
    if (flags !== "" && path?.ok === true && this.#isAsked(path.value)) {
      this.#found.set(path.value, flags);
    }
  }
}

/** Those whose flags can be asked for. */
export function* askable(paths: Iterable<RelPath>): Generator<RelPath> {
  for (const path of paths) {
    if (!path.includes("\n")) {
      yield path;
    }
  }
}
