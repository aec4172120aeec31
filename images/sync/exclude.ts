/** rsync's filter rules, matched on bytes (paths are latin1 strings): lists of rules, parsed, and turned into a selection. */
import { baseName, parentPath, type RelPath } from "../../base/path-bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { ResolvedRule, Selection } from "./actions.ts";
import type { Prune } from "./listing.ts";
import { compilePattern, type Pattern } from "./pattern.ts";

export interface RuleProblem {
  readonly message: string;
  /** The rule's origin: `FILE:LINE` or what the caller named. */
  readonly origin: string;
}

/** Parses the text of an exclude file (rsync's --exclude-from: bare patterns exclude; `+ ` and `- ` prefixes; `#` and `;` comments; `!` clears). Each rule's origin is `origin:LINE`. `text` is latin1. */
export function parseRuleFile(text: string, origin: string): Result<readonly ResolvedRule[], RuleProblem> {
  let rules: ResolvedRule[] = [];
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (line === "" || line.startsWith("#") || line.startsWith(";")) {
      continue;
    }
    if (line === "!") {
      rules = [];
      continue;
    }
    const rule = parseRule(line, `${origin}:${index + 1}`);
    if (!rule.ok) {
      return rule;
    }
    rules.push(rule.value);
  }
  return ok(rules);
}

/** As long as a path may be; matching takes time by its length. */
const maxPattern = 4096;

/** Parses one rule as `--exclude` takes it: a pattern, or one with a `- ` or `+ ` prefix. */
export function parseRule(text: string, origin: string): Result<ResolvedRule, RuleProblem> {
  const prefixed = /^[-+] /.test(text);
  const pattern = prefixed ? text.slice(2) : text;
  if (pattern === "" || pattern.includes("\0")) {
    return err({ message: `'${text}' is no pattern`, origin });
  }
  if (pattern.length > maxPattern) {
    return err({ message: `pattern of ${pattern.length} bytes: ${maxPattern} are the most`, origin });
  }
  return ok({ text: prefixed ? text : `- ${text}`, origin });
}

const filterWords: Readonly<Record<string, "-" | "+">> = { "-": "-", "+": "+", exclude: "-", include: "+" };

/** Parses one rule as `--filter` takes it: `- P`, `+ P`, `exclude P`, `include P`, with the modifier `!` (what does not match). Other rules and modifiers are errors. */
export function parseFilterRule(text: string, origin: string): Result<ResolvedRule, RuleProblem> {
  const match = /^(exclude|include|[-+])(?:,?([^ _]*))[ _]([\s\S]+)$/.exec(text);
  const sign = filterWords[match?.[1] ?? ""];
  if (match === null || sign === undefined) {
    return err({
      message: `'${text}' is no filter rule that is supported (use '- PATTERN' or '+ PATTERN')`,
      origin,
    });
  }
  const modifiers = match[2] ?? "";
  if (modifiers !== "" && modifiers !== "!") {
    return err({ message: `Filter modifier '${modifiers}' in '${text}' is not supported`, origin });
  }
  return ok({ text: `${sign}${modifiers} ${match[3]}`, origin });
}

interface CompiledRule {
  readonly rule: ResolvedRule;
  readonly index: number;
  readonly include: boolean;
  readonly negated: boolean;
  readonly pattern: Pattern;
}

function compileRule(rule: ResolvedRule, index: number): CompiledRule {
  const negated = rule.text[1] === "!";
  return {
    rule,
    index,
    include: rule.text.startsWith("+"),
    negated,
    pattern: compilePattern(rule.text.slice(negated ? 3 : 2)),
  };
}

/** Makes the matcher of a list of rules: the first rule that matches decides; none means included. The tree's root is never excluded. */
export function makeSelection(rules: readonly ResolvedRule[]): Selection {
  const byPath = new Map<string, CompiledRule[]>();
  const byName = new Map<string, CompiledRule[]>();
  const byParent = new Map<string, CompiledRule[]>();
  const others: CompiledRule[] = [];
  for (const [index, rule] of rules.entries()) {
    const compiled = compileRule(rule, index);
    const { literalPath, literalName, everythingBelow } = compiled.pattern;
    if (compiled.negated) {
      others.push(compiled);
    } else if (literalPath !== undefined) {
      append(byPath, literalPath, compiled);
    } else if (literalName !== undefined) {
      append(byName, literalName, compiled);
    } else if (everythingBelow !== undefined && rule.text.endsWith("/*") && !rule.text.endsWith("**")) {
      append(byParent, everythingBelow, compiled);
    } else {
      others.push(compiled);
    }
  }

  function firstMatch(path: RelPath, directory: boolean): CompiledRule | undefined {
    let best: CompiledRule | undefined;
    for (const candidates of [byPath.get(path), byName.get(baseName(path)), byParent.get(parentPath(path))]) {
      for (const candidate of candidates ?? []) {
        if (
          (best === undefined || candidate.index < best.index) &&
          (directory || !candidate.pattern.directoryOnly)
        ) {
          best = candidate;
        }
      }
    }
    for (const candidate of others) {
      if (best !== undefined && candidate.index > best.index) {
        break;
      }
      if (candidate.pattern.matches(path, directory) !== candidate.negated) {
        return candidate;
      }
    }
    return best;
  }

  function decide(path: RelPath, directory: boolean): ReturnType<Selection["decide"]> {
    const match = path === "" ? undefined : firstMatch(path, directory);
    return match === undefined ? { excluded: false } : { excluded: !match.include, rule: match.rule };
  }

  const directories = new Map<RelPath, boolean>();

  function excludesDirectory(path: RelPath): boolean {
    if (path === "") {
      return false;
    }
    const known = directories.get(path);
    if (known !== undefined) {
      return known;
    }
    if (directories.size > 10_000) {
      directories.clear();
    }
    const excluded = excludesDirectory(parentPath(path)) || decide(path, true).excluded;
    directories.set(path, excluded);
    return excluded;
  }

  return {
    rules,
    decide,
    excludes: (path, directory) => excludesDirectory(parentPath(path)) || decide(path, directory).excluded,
  };
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) {
    map.set(key, [value]);
  } else {
    list.push(value);
  }
}

/** What a listing may leave out without changing any verdict: directories that are excluded, or whose whole content is. */
export function capturePrune(rules: readonly ResolvedRule[]): readonly Prune[] {
  const selection = makeSelection(rules);
  const prunes = new Map<RelPath, Prune>();
  const earlierIncludes: CompiledRule[] = [];
  for (const [index, rule] of rules.entries()) {
    const compiled = compileRule(rule, index);
    const { literalPath, everythingBelow } = compiled.pattern;
    if (compiled.include || compiled.negated) {
      earlierIncludes.push(compiled);
    } else if (isPlain(literalPath) && selection.decide(literalPath, true).excluded) {
      // As a plain file it may be included (a rule for directories only), so it is listed and only not descended into.
      prunes.set(literalPath, { path: literalPath, keep: "directory" });
    } else if (
      isPlain(everythingBelow) &&
      !earlierIncludes.some((include) => mayMatchChild(include, everythingBelow)) &&
      !prunes.has(everythingBelow)
    ) {
      prunes.set(everythingBelow, { path: everythingBelow, keep: "directory" });
    }
  }
  return [...prunes.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A pattern's literal that is a path in normal form. */
function isPlain(path: RelPath | undefined): path is RelPath {
  return path !== undefined && path !== "" && !/(^|\/)(\.{0,2})(\/|$)/.test(path);
}

function mayMatchChild(rule: CompiledRule, directory: RelPath): boolean {
  const { literalPath } = rule.pattern;
  return rule.negated || literalPath === undefined || parentPath(literalPath) === directory;
}
