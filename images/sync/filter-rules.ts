/** rsync's filter rules as text: exclude files, `--exclude`, `--filter`, merge files. */
import { err, ok, type Result } from "../../base/result.ts";
import type { ResolvedRule } from "./actions.ts";

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
 * `C` alone; and `:` (dir-merge), which whoever has the tree puts the rules in the place of that its files hold. A merge file is read by the
 * caller ({@link mergeFileOf}); rules on attribute names are errors. One rule gives several for `-C` and for `:e`.
 */
export function parseFilterRule(text: string, origin: string): Result<readonly ResolvedRule[], RuleProblem> {
  const merge = parseDirMerge(text);
  if (merge !== undefined) {
    return merge.ok
      ? ok(merge.value.map((each) => ({ text: each, origin })))
      : err({ message: merge.error, origin });
  }
  const match =
    /^(?:([-+PRHS]),?|(exclude|include|protect|risk|hide|show)(?:,|(?=[ _])))([^ _]*)(?:[ _]([\s\S]*))?$/.exec(
      text,
    );
  const kind = match?.[1] ?? longKinds[match?.[2] ?? ""];
  const problem = (message: string) => err({ message, origin });
  if (match === null || kind === undefined) {
    return problem(`'${text}' is no filter rule (they begin with - + P R H S : and a blank)`);
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

/** Parses `: FILE` with modifiers into the rules it stands for, in short form; undefined where the text is another rule. */
export function parseDirMerge(text: string): Result<readonly string[], string> | undefined {
  const match = /^(?::,?|dir-merge(?:,|(?=[ _])|$))([^ _]*)(?:[ _]([\s\S]*))?$/.exec(text);
  if (match === null) {
    return undefined;
  }
  const modifiers = match[1] ?? "";
  // Trees of machines start at their root: there is nothing above to look into.
  const file = (match[2] ?? (modifiers.includes("C") ? ".cvsignore" : "")).replace(/^\/+/, "");
  if (!/^[-+enwCsrp/]*$/.test(modifiers)) {
    return err(`'${text}': there is no modifier '${modifiers}' for such a rule`);
  }
  if (file === "" || file.includes("/") || file.includes("\0") || file === "." || file === "..") {
    return err(`'${text}' names no file as it may be in a directory`);
  }
  const all = modifiers.includes("C") ? `${modifiers}nw-` : modifiers;
  const rule = `:${[...new Set(all.replaceAll("e", ""))].join("")} ${file}`;
  return ok(all.includes("e") ? [`-${all.replaceAll(/[^sr]/g, "")} ${file}`, rule] : [rule]);
}

export function isDirMerge(rule: ResolvedRule): boolean {
  return rule.text.startsWith(":");
}
