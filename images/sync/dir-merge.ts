/**
 * rsync's files of rules in directories (`: FILE`, `dir-merge FILE`): a file of that name counts for what lies below its directory, before
 * the rules of the directories above. The rule itself matches nothing; {@link withDirectoryRules} puts in its place what the files hold.
 */
import { baseName, escapePath, isWithin, parentPath, type RelPath } from "../../base/path-bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { ResolvedRule, RuleScope } from "./actions.ts";
import { isClearRule, isDirMerge, parseFilterRule, type RuleProblem } from "./filter-rules.ts";

/** The names of the files that the rules look for. */
export function directoryRuleFiles(rules: readonly ResolvedRule[]): ReadonlySet<string> {
  return new Set(rules.filter(isDirMerge).map((rule) => partsOf(rule).file));
}

function partsOf(rule: ResolvedRule): { readonly modifiers: string; readonly file: string } {
  const blank = rule.text.indexOf(" ");
  return { modifiers: rule.text.slice(1, blank), file: rule.text.slice(blank + 1) };
}

/** Files of one tree by their paths, latin1. */
export type RuleFiles = ReadonlyMap<RelPath, string>;

/** Rules that the files of a tree that is read from, or written to, give: those of the other side do not count. */
type Side = "sender" | "receiver";

/**
 * The list with what the files of the source, and of the target where there is one, hold in the place of the rules that look for them. A line
 * that is no rule, or more of them than any list has use for, is an error with its place.
 */
export function withDirectoryRules(
  rules: readonly ResolvedRule[],
  trees: { readonly source: RuleFiles; readonly target?: RuleFiles },
): Result<readonly ResolvedRule[], RuleProblem> {
  const all: ResolvedRule[] = [];
  const names = directoryRuleFiles(rules);
  const seen = new Set<string>();
  for (const rule of rules) {
    if (!isDirMerge(rule)) {
      all.push(rule);
      continue;
    }
    // As rsync has it, the first rule that looks for files of a name is the only one.
    const { file } = partsOf(rule);
    if (seen.has(file)) {
      continue;
    }
    seen.add(file);
    for (const [side, files] of [
      ["sender", trees.source],
      ["receiver", trees.target ?? new Map()],
    ] as const) {
      const read = rulesOf(rule, { side, files, active: names });
      if (!read.ok) {
        return read;
      }
      all.push(...read.value);
    }
  }
  return ok(all);
}

/** Of all files of one name: who owns a machine's tree must not fill this one's memory with them. */
const mostRules = 100_000;

interface RuleFile {
  readonly directory: RelPath;
  readonly rules: readonly ResolvedRule[];
  /** It began with `!`: what the directories above say does not count here. */
  readonly clears: boolean;
}

interface Reading {
  readonly side: Side;
  readonly files: RuleFiles;
  /** What is looked for already: a file that names one of these again says nothing. */
  readonly active: ReadonlySet<string>;
}

/** The rules of one dir-merge: deeper directories first, so that the nearest decides. */
function rulesOf(merge: ResolvedRule, reading: Reading): Result<readonly ResolvedRule[], RuleProblem> {
  const { modifiers } = partsOf(merge);
  const found = readFiles(merge, reading);
  if (!found.ok) {
    return found;
  }
  const read = found.value;
  const clearing = read.filter(({ clears }) => clears).map(({ directory }) => directory);
  const all: ResolvedRule[] = [];
  for (const { directory, rules } of read) {
    const except = clearing.filter((each) => each !== directory && each.startsWith(prefix(directory)));
    const scope = scopeOf({ below: directory, except, childrenOnly: modifiers.includes("n") });
    const own = new Set(modifiers.includes("n") ? [] : inherited(directory, read));
    for (const rule of rules) {
      const name = isDirMerge(rule) ? partsOf(rule).file : undefined;
      if (name === undefined) {
        all.push({ ...rule, scope });
      } else if (!own.has(name) && !reading.active.has(name)) {
        own.add(name);
        const inner = rulesWithin(rule, scope, { ...reading, active: new Set([...reading.active, ...own]) });
        if (!inner.ok) {
          return inner;
        }
        all.push(...inner.value);
      }
      if (all.length > mostRules) {
        return tooMany(merge.origin);
      }
    }
  }
  return ok(all);
}

/** The files that it looks for, deeper directories first. */
function readFiles(merge: ResolvedRule, reading: Reading): Result<readonly RuleFile[], RuleProblem> {
  const { modifiers, file } = partsOf(merge);
  const { side, files } = reading;
  const read: RuleFile[] = [];
  let count = 0;
  for (const [path, text] of files) {
    if (baseName(path) === file) {
      const parsed = parseRuleFileIn(parentPath(path), { text, modifiers, path, side });
      if (!parsed.ok) {
        return parsed;
      }
      count += parsed.value.rules.length;
      if (count > mostRules) {
        return tooMany(merge.origin);
      }
      read.push(parsed.value);
    }
  }
  read.sort((a, b) => depth(b.directory) - depth(a.directory) || (a.directory < b.directory ? -1 : 1));
  return ok(read);
}

/** Of a dir-merge that a file of rules holds: they count where that file does. */
function rulesWithin(
  merge: ResolvedRule,
  outer: RuleScope,
  reading: Reading,
): Result<readonly ResolvedRule[], RuleProblem> {
  const { below: directory, childrenOnly = false, except = [] } = outer;
  const files = new Map(
    [...reading.files].filter(([path]) =>
      childrenOnly ? parentPath(path) === directory : isWithin(path, directory),
    ),
  );
  const rules = rulesOf(merge, { ...reading, files });
  return rules.ok
    ? ok(
        rules.value.map((rule) => {
          const scope = rule.scope ?? outer;
          return {
            ...rule,
            scope: scopeOf({
              below: scope.below,
              except: [...(scope.except ?? []), ...except],
              childrenOnly: childrenOnly || scope.childrenOnly === true,
            }),
          };
        }),
      )
    : rules;
}

function scopeOf(scope: Required<RuleScope>): RuleScope {
  return {
    below: scope.below,
    ...(scope.childrenOnly ? { childrenOnly: true } : {}),
    ...(scope.except.length === 0 ? {} : { except: scope.except }),
  };
}

/** What files in the directories above have named, up to one that clears the list. */
function inherited(directory: RelPath, read: readonly RuleFile[]): readonly string[] {
  const names: string[] = [];
  const byDirectory = new Map(read.map((file) => [file.directory, file]));
  for (let at = directory; at !== "" && byDirectory.get(at)?.clears !== true; ) {
    at = parentPath(at);
    names.push(...directoryRuleFiles(byDirectory.get(at)?.rules ?? []));
  }
  return names;
}

function tooMany(origin: string): Result<never, RuleProblem> {
  return err({ message: `the files in directories hold more than ${mostRules} rules`, origin });
}

function depth(path: RelPath): number {
  return path === "" ? 0 : path.split("/").length;
}

function prefix(directory: RelPath): string {
  return directory === "" ? "" : `${directory}/`;
}

function parseRuleFileIn(
  directory: RelPath,
  file: { readonly text: string; readonly modifiers: string; readonly path: RelPath; readonly side: Side },
): Result<RuleFile, RuleProblem> {
  const { text, modifiers, path, side } = file;
  const words = modifiers.includes("w");
  const plain = /[-+]/.test(modifiers);
  const given = modifiers.replaceAll(/[^srp/]/g, "");
  let rules: ResolvedRule[] = [];
  let clears = false;
  for (const [index, line] of text.split(words ? /\s+/ : /\r\n|\n|\r/).entries()) {
    if (line === "" || (!words && /^[#;]/.test(line))) {
      continue;
    }
    if (isClear(line, modifiers)) {
      rules = [];
      clears = true;
      continue;
    }
    const parsed = parseLine(line, { modifiers, origin: `/${escapePath(path)}:${index + 1}` });
    if (!parsed.ok) {
      return parsed;
    }
    const anchored = given.includes("/") || (!plain && firstWord(line).includes("/"));
    rules.push(
      ...parsed.value.flatMap((each) =>
        isDirMerge(each) ? [withGiven(each, given)] : inDirectory(each, { directory, given, side, anchored }),
      ),
    );
    if (rules.length > mostRules) {
      return tooMany(`/${escapePath(path)}:${index + 1}`);
    }
  }
  return ok({ directory, rules, clears });
}

/** A file that another names gives its rules what that one's have. */
function withGiven(merge: ResolvedRule, given: string): ResolvedRule {
  const { modifiers, file } = partsOf(merge);
  return { ...merge, text: `:${[...new Set(modifiers + given)].join("")} ${file}` };
}

function firstWord(line: string): string {
  return /^[^ _]*/.exec(line)?.[0] ?? "";
}

/** Lists of plain patterns know it only where they are CVS's. */
function isClear(line: string, modifiers: string): boolean {
  return /[-+]/.test(modifiers) ? line === "!" && modifiers.includes("C") : isClearRule(line);
}

function parseLine(
  line: string,
  file: { readonly modifiers: string; readonly origin: string },
): Result<readonly ResolvedRule[], RuleProblem> {
  const { modifiers, origin } = file;
  const sign = /[-+]/.exec(modifiers)?.[0];
  if (sign !== undefined) {
    return parseFilterRule(`${sign} ${line}`, origin);
  }
  if (/[sr]/.test(modifiers) && isSided(firstWord(line))) {
    return err({ message: `'${line}': all rules of this file have a side already`, origin });
  }
  // Such a file would be one of wherever rsync was started.
  return /^\.|^merge/.test(line)
    ? err({ message: `'${line}': a file in a directory merges no others here`, origin })
    : parseFilterRule(line, origin);
}

function isSided(word: string): boolean {
  return /^([PRHS]|protect|risk|hide|show)|^([-+:]|((ex|in)clude|dir-merge),).*[sr]/.test(word);
}

/** The rule as one of the whole tree, for one side; nothing where it is one for the other side. */
function inDirectory(
  rule: ResolvedRule,
  place: {
    readonly directory: RelPath;
    readonly given: string;
    readonly side: Side;
    /** A leading slash stands for the root of the tree. */
    readonly anchored: boolean;
  },
): readonly ResolvedRule[] {
  const blank = rule.text.indexOf(" ");
  const kind = rule.text.charAt(0);
  const own = rule.text.slice(1, blank);
  const pattern = rule.text.slice(blank + 1);
  const sides = "-+".includes(kind)
    ? (/[sr]/.test(own) ? own : place.given).replaceAll(/[^sr]/g, "")
    : "PR".includes(kind)
      ? "r"
      : "s";
  const letter = place.side === "sender" ? "s" : "r";
  if (sides !== "" && !sides.includes(letter)) {
    return [];
  }
  const perishable = (own + place.given).includes("p") ? "p" : "";
  const negated = own.includes("!") ? "!" : "";
  const attribute = own.includes("x") ? "x" : "";
  const include = "+SR".includes(kind);
  const whole = pattern.startsWith("/") && !place.anchored ? `/${below(place.directory, pattern)}` : pattern;
  return [{ ...rule, text: `${include ? "+" : "-"}${negated}${letter}${perishable}${attribute} ${whole}` }];
}

/** The pattern behind the directory; what would be wild in the directory's name stands for itself. */
function below(directory: RelPath, pattern: string): string {
  const rest = pattern.slice(1);
  if (directory === "") {
    return rest;
  }
  if (!/[*?[]/.test(directory + rest)) {
    return `${directory}/${rest}`;
  }
  const literal = (text: string) => text.replaceAll(/[\\*?[\]]/g, "\\$&");
  return `${literal(directory)}/${/[*?[]/.test(rest) ? rest : literal(rest)}`;
}
