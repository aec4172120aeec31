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

const longKinds: Readonly<Record<string, string>> = {
  exclude: "-",
  include: "+",
  protect: "P",
  risk: "R",
  hide: "H",
  show: "S",
};

/** What rsync's rule `-C` stands for. */
const cvsPatterns =
  "RCS SCCS CVS CVS.adm RCSLOG cvslog.* tags TAGS .make.state .nse_depinfo *~ #* .#* ,* _$* *$ *.old *.bak *.BAK *.orig *.rej .del-* *.a *.olb *.o *.obj *.so *.exe *.Z *.elc *.ln core .svn/ .git/ .hg/ .bzr/";

/**
 * Parses one rule as rsync's `--filter` takes it: kinds `- + P R H S` (exclude include protect risk hide show), modifiers `! / s r p` and
 * `C` alone. A merge file is read by the caller ({@link mergeFileOf}); files of rules in each directory and rules on attribute names are
 * errors. One rule gives several for `-C`.
 */
export function parseFilterRule(text: string, origin: string): Result<readonly ResolvedRule[], RuleProblem> {
  const match =
    /^(?:([-+PRHS]),?|(exclude|include|protect|risk|hide|show)(?:,|(?=[ _])))([^ _]*)(?:[ _]([\s\S]*))?$/.exec(
      text,
    );
  const kind = match?.[1] ?? longKinds[match?.[2] ?? ""];
  const problem = (message: string) => err({ message, origin });
  if (match === null || kind === undefined) {
    return problem(
      /^(:|dir-merge)/.test(text)
        ? `'${text}': files of rules in each directory are not supported`
        : `'${text}' is no filter rule (they begin with - + P R H S and a blank)`,
    );
  }
  const modifiers = match[3] ?? "";
  const pattern = match[4] ?? "";
  if (modifiers === "C" && kind === "-" && pattern === "") {
    return ok(cvsPatterns.split(" ").map((each) => ({ text: `- ${each}`, origin })));
  }
  if (modifiers.includes("x")) {
    return problem(`'${text}': rules on the names of extended attributes are not supported`);
  }
  if (!/^[!/srp]*$/.test(modifiers)) {
    return problem(`'${text}': there is no modifier '${modifiers}' for such a rule`);
  }
  if (/[sr]/.test(modifiers) && !"-+".includes(kind)) {
    return problem(`'${text}': the rule has a side already`);
  }
  if (pattern === "" || pattern.includes("\0") || pattern.length > maxPattern) {
    return problem(`'${text}' has no pattern that can be used`);
  }
  // Trees of machines start at their root, so an absolute path is one from the root of the tree.
  return ok([{ text: `${kind}${modifiers.replaceAll("/", "")} ${pattern}`, origin }]);
}

/** The file that a rule `. FILE` or `merge FILE` names, and whether its lines are plain patterns (`.- FILE`, `.+ FILE`). */
export function mergeFileOf(text: string): { readonly file: string; readonly plain?: "-" | "+" } | undefined {
  const match = /^(?:\.,?|merge(?:,|(?= )))([-+]?)[ _](.+)$/.exec(text);
  const [, sign, file] = match ?? [];
  return file === undefined ? undefined : { file, ...(sign === "-" || sign === "+" ? { plain: sign } : {}) };
}

/** Splits the text of a merge file into rules: blank lines and comments are left out. */
export function filterLines(text: string, plain?: "-" | "+"): readonly string[] {
  return text
    .split(/\r\n|\n|\r/)
    .filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith(";"))
    .map((line) => (plain === undefined || line === "!" ? line : `${plain} ${line}`));
}

interface CompiledRule {
  readonly rule: ResolvedRule;
  readonly index: number;
  readonly include: boolean;
  readonly negated: boolean;
  /** Decides what is taken from the source. */
  readonly sender: boolean;
  /** Decides what of the target is not deleted. */
  readonly receiver: boolean;
  /** Does not keep a directory that would be deleted. */
  readonly perishable: boolean;
  readonly pattern: Pattern;
}

function compileRule(rule: ResolvedRule, index: number): CompiledRule {
  const blank = rule.text.indexOf(" ");
  const kind = rule.text.charAt(0);
  const modifiers = rule.text.slice(1, blank);
  const sided = /[sr]/.test(modifiers);
  return {
    rule,
    index,
    include: "+SR".includes(kind),
    negated: modifiers.includes("!"),
    sender: sided ? modifiers.includes("s") : !"PR".includes(kind),
    receiver: sided ? modifiers.includes("r") : !"HS".includes(kind),
    perishable: modifiers.includes("p"),
    pattern: compilePattern(rule.text.slice(blank + 1)),
  };
}

/** Makes the matcher of a list of rules: the first rule that matches decides; none means included. The tree's root is never excluded. */
export function makeSelection(rules: readonly ResolvedRule[]): Selection {
  const compiled = rules.map(compileRule);
  const sender = makeMatcher(compiled.filter((rule) => rule.sender));
  const receiver = compiled.every((rule) => rule.sender && rule.receiver)
    ? sender
    : makeMatcher(compiled.filter((rule) => rule.receiver));
  const lasting = compiled.some((rule) => rule.perishable)
    ? makeMatcher(compiled.filter((rule) => rule.receiver && !rule.perishable))
    : receiver;
  return {
    rules,
    oneSided: compiled.some((rule) => !rule.sender || !rule.receiver || rule.perishable),
    decide: sender.decide,
    excludes: sender.excludes,
    protects: (path, directory, parentGoes) =>
      (parentGoes === true ? lasting : receiver).decide(path, directory).excluded,
  };
}

function makeMatcher(rules: readonly CompiledRule[]): Pick<Selection, "decide" | "excludes"> {
  const byPath = new Map<string, CompiledRule[]>();
  const byName = new Map<string, CompiledRule[]>();
  const byParent = new Map<string, CompiledRule[]>();
  const others: CompiledRule[] = [];
  for (const compiled of rules) {
    const { rule } = compiled;
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
    } else if (!compiled.sender || !compiled.receiver || compiled.perishable) {
      // What one side leaves out the other must see.
    } else if (
      isPlain(literalPath) &&
      selection.decide(literalPath, true).excluded &&
      selection.protects(literalPath, true)
    ) {
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
