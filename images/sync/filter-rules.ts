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
 * Parses one rule as rsync's `--filter` takes it: kinds `- + P R H S` (exclude include protect risk hide show), modifiers `! / s r p x` and
 * `C`; and `:` (dir-merge), which whoever has the tree puts the rules in the place of that its files hold. A merge file is read by the
 * caller ({@link mergeFileOf}), and a list cleared by it ({@link isClearRule}). One rule gives several for `-C` and for `:e`.
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
  if ("-+".includes(kind) && /^[!/srpx]*C[!/srpx]*$/.test(modifiers)) {
    const own = kind + once(modifiers.replaceAll(/[^!sr]/g, ""));
    return ok(cvsPatterns.split(" ").map((each) => ({ text: `${own}p ${each}`, origin })));
  }
  if (!/^[!/srpx]*$/.test(modifiers)) {
    return problem(`'${text}': there is no modifier '${modifiers}' for such a rule`);
  }
  if (/[sr]/.test(modifiers) && !"-+".includes(kind)) {
    return problem(`'${text}': the rule has a side already`);
  }
  if (pattern === "" || pattern.includes("\0") || pattern.length > maxPattern) {
    return problem(`'${text}' has no pattern that can be used`);
  }
  // Trees of machines start at their root, so an absolute path is one from the root of the tree.
  return ok([{ text: `${kind}${once(modifiers.replaceAll("/", ""))} ${pattern}`, origin }]);
}

function once(letters: string): string {
  return [...new Set(letters)].join("");
}

/** Whether a rule of `--filter` takes away all rules before it. */
export function isClearRule(text: string): boolean {
  return /^(!|clear),?$/.test(text);
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
  if (!areMergeModifiers(modifiers)) {
    return err(`'${text}': there is no modifier '${modifiers}' for such a rule`);
  }
  if (file === "" || file.includes("/") || file.includes("\0") || file === "." || file === "..") {
    return err(`'${text}' names no file as it may be in a directory`);
  }
  const all = modifiers.includes("C") ? `${modifiers}nw-` : modifiers;
  const rule = `:${once(all.replaceAll(/[ex]/g, ""))} ${file}`;
  return ok(all.includes("e") ? [`- ${file}`, rule] : [rule]);
}

/** Whether a file of rules can be read so. Plain patterns are asked for once at most; `x` is taken and means nothing. */
export function areMergeModifiers(modifiers: string): boolean {
  return /^[-+enwCsrpx/]*$/.test(modifiers) && !/[-+C].*[-+C]/.test(modifiers);
}

export function isDirMerge(rule: ResolvedRule): boolean {
  return rule.text.startsWith(":");
}
