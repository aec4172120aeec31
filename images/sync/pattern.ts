/** One rsync filter pattern as a test on paths: anchoring, `*`, `**`, `***`, `?`, `[classes]`, trailing `/` (rsync(1), "PATTERN MATCHING RULES"). */
import type { RelPath } from "../../base/path-bytes.ts";
import { matchGlob, type Token } from "./glob.ts";

export interface Pattern {
  /** Matches directories only. */
  readonly directoryOnly: boolean;
  /** A path that is matched as a whole: no wildcard, leading slash. */
  readonly literalPath?: RelPath;
  /** A last component that is matched as a whole: no wildcard, no slash. */
  readonly literalName?: string;
  /** A literal directory whose every child matches: `/X/*`, `/X/**`. */
  readonly everythingBelow?: RelPath;
  matches(path: RelPath, directory: boolean): boolean;
}

/** Compiles a pattern. */
export function compilePattern(pattern: string): Pattern {
  const directoryOnly = pattern.length > 1 && pattern.endsWith("/");
  const text = directoryOnly ? pattern.slice(0, -1) : pattern;
  return /[*?[]/.test(text) ? wildPattern(text, directoryOnly) : literalPattern(text, directoryOnly);
}

/** Without wildcards every character, backslash too, stands for itself. */
function literalPattern(text: string, directoryOnly: boolean): Pattern {
  const admits = (directory: boolean) => directory || !directoryOnly;
  if (text.startsWith("/")) {
    const literalPath = text.slice(1) as RelPath;
    return {
      directoryOnly,
      literalPath,
      matches: (path, directory) => admits(directory) && path === literalPath,
    };
  }
  const tail = `/${text}`;
  const matches = (path: RelPath, directory: boolean) =>
    admits(directory) && (path === text || path.endsWith(tail));
  return text.includes("/") ? { directoryOnly, matches } : { directoryOnly, literalName: text, matches };
}

function wildPattern(text: string, directoryOnly: boolean): Pattern {
  const atStart = text.startsWith("/");
  const tokens = tokensOf(atStart ? text.slice(1) : text);
  // `**` at the start may also stand for nothing: the path is then tried with a slash before it.
  // Without `**` as many last components are tried as the pattern has; a slash inside brackets counts, too.
  const anywhere = !atStart && text.includes("**");
  const tail = atStart || anywhere ? undefined : text.split("/").length;
  const glob: readonly Token[] | undefined =
    tokens === undefined
      ? undefined
      : anywhere && !text.startsWith("**")
        ? [anyText, slash, ...tokens]
        : anywhere
          ? tokens
          : [slash, ...tokens];
  // A trailing `***` matches the directory itself too: it is then tried with a slash after it.
  const suffix = text.endsWith("***") ? "/" : "";
  const below = /^\/([^*?[\\]+)\/\*{1,2}$/.exec(text)?.[1];
  return {
    directoryOnly,
    ...(below === undefined || directoryOnly ? {} : { everythingBelow: below as RelPath }),
    matches: (path, directory) => {
      const subject = tail === undefined ? path : lastComponents(path, tail);
      return (
        glob !== undefined &&
        subject !== undefined &&
        (directory || !directoryOnly) &&
        matchGlob(glob, `/${subject}${directory ? suffix : ""}`)
      );
    },
  };
}

/** The last `count` components, or undefined where there are fewer. */
function lastComponents(path: string, count: number): string | undefined {
  let start = path.length;
  for (let i = 0; i < count; i++) {
    if (start < 0) {
      return undefined;
    }
    start = start === 0 ? -1 : path.lastIndexOf("/", start - 1);
  }
  return path.slice(start + 1);
}

const anyText: Token = { kind: "any-text" };
const anyName: Token = { kind: "any-name" };
const slash: Token = { kind: "one", admits: (character) => character === "/" };
const anyCharacter: Token = { kind: "one", admits: (character) => character !== "/" };

/** The parts of a wildcard pattern, bytes as characters; undefined for one that matches nothing. */
function tokensOf(pattern: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  for (let i = 0; i < pattern.length; ) {
    const character = pattern[i] as string;
    if (character === "*") {
      const stars = starsAt(pattern, i);
      tokens.push(stars > 1 ? anyText : anyName);
      i += stars;
    } else if (character === "?") {
      tokens.push(anyCharacter);
      i += 1;
    } else if (character === "[") {
      const parsed = classOf(pattern, i + 1);
      if (parsed === undefined) {
        return undefined;
      }
      const expression = new RegExp(`^${parsed.source}$`, "s");
      tokens.push({ kind: "one", admits: (one) => expression.test(one) });
      i = parsed.end;
    } else {
      const escapes = character === "\\";
      if (escapes && i + 1 >= pattern.length) {
        return undefined;
      }
      tokens.push(literalToken(escapes ? pattern.charAt(i + 1) : character));
      i += escapes ? 2 : 1;
    }
  }
  return tokens;
}

function literalToken(literal: string): Token {
  return { kind: "one", admits: (character) => character === literal };
}

function starsAt(pattern: string, at: number): number {
  let end = at;
  while (pattern[end] === "*") {
    end += 1;
  }
  return end - at;
}

const posixClasses: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  blank: " \\t",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "\\x21-\\x7e",
  lower: "a-z",
  print: "\\x20-\\x7e",
  punct: "\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e",
  space: " \\t-\\r",
  upper: "A-Z",
  xdigit: "0-9A-Fa-f",
};

/** Parses a bracket expression from after its `[`; never matches a slash. Undefined where it has no end or names no class. */
function classOf(
  pattern: string,
  start: number,
): { readonly source: string; readonly end: number } | undefined {
  const negated = pattern[start] === "!" || pattern[start] === "^";
  const first = negated ? start + 1 : start;
  let members = "";
  // The character that a `-` would make the lower end of a range.
  let lower: string | undefined;
  for (let i = first; i < pattern.length; ) {
    if (pattern[i] === "]" && i > first) {
      return { source: `(?!/)[${negated ? "^" : ""}${members}]`, end: i + 1 };
    }
    const member = namedClass(pattern, i) ?? rangeTo(pattern, i, lower) ?? singleMember(pattern, i);
    if (member.source === undefined) {
      return undefined;
    }
    members += member.source;
    lower = member.lower;
    i += member.length;
  }
  return undefined;
}

interface ClassMember {
  /** Undefined: no such class, or the pattern ends here. */
  readonly source: string | undefined;
  readonly length: number;
  readonly lower?: string | undefined;
}

function namedClass(pattern: string, at: number): ClassMember | undefined {
  const named = pattern[at] === "[" ? /^\[:([^\]]*):\]/.exec(pattern.slice(at)) : null;
  return named === null ? undefined : { source: posixClasses[named[1] ?? ""], length: named[0].length };
}

function rangeTo(pattern: string, at: number, lower: string | undefined): ClassMember | undefined {
  const next = pattern[at + 1];
  if (pattern[at] !== "-" || lower === undefined || next === undefined || next === "]") {
    return undefined;
  }
  const upper = next === "\\" ? pattern[at + 2] : next;
  if (upper === undefined) {
    return { source: undefined, length: 0 };
  }
  return {
    source: lower <= upper ? `${escaped(lower)}-${escaped(upper)}` : "",
    length: next === "\\" ? 3 : 2,
  };
}

function singleMember(pattern: string, at: number): ClassMember {
  const backslash = pattern[at] === "\\";
  const literal = pattern.charAt(backslash ? at + 1 : at);
  return {
    source: literal === "" ? undefined : escaped(literal),
    length: backslash ? 2 : 1,
    lower: literal,
  };
}

function escaped(character: string): string {
  return /^[0-9A-Za-z]$/.test(character)
    ? character
    : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
