/** rsync's merge files (`. FILE`): read once, their rules stand in the place of the rule that names them. */
import { err, ok, type Result } from "../../base/result.ts";
import { areMergeModifiers, isClearRule } from "./filter-rules.ts";

export interface MergeFile {
  readonly file: string;
  /** What its rules are given, and how it is read. */
  readonly modifiers: string;
}

/** The file that a rule `. FILE` or `merge FILE` names; undefined for another rule. */
export function mergeFileOf(text: string): MergeFile | undefined {
  const [, modifiers = "", named] =
    /^(?:\.,?|merge(?:,|(?=[ _])|$))([^ _]*)(?:[ _]([\s\S]+))?$/.exec(text) ?? [];
  const file = named ?? (modifiers.includes("C") ? ".cvsignore" : undefined);
  return file === undefined || !areMergeModifiers(modifiers) ? undefined : { file, modifiers };
}

/** The rules that the text of a merge file holds, with the modifiers of the rule that named it. A line that cannot have them is an error. */
export function mergedRules(text: string, { file, modifiers }: MergeFile): Result<readonly string[], string> {
  const cvs = modifiers.includes("C");
  const words = cvs || modifiers.includes("w");
  const plain = cvs ? "-" : /[-+]/.exec(modifiers)?.[0];
  const given = modifiers.replaceAll(/[^srp/]/g, "");
  const rules: string[] = modifiers.includes("e") ? [`- ${file.slice(file.lastIndexOf("/") + 1)}`] : [];
  for (const line of text.split(words ? /\s+/ : /\r\n|\n|\r/)) {
    if (line === "" || (!words && /^[#;]/.test(line))) {
      continue;
    }
    if (plain === undefined ? isClearRule(line) : cvs && line === "!") {
      rules.push("!");
    } else if (plain !== undefined) {
      rules.push(`${plain}${given} ${line}`);
    } else {
      const rule = withModifiers(line, given);
      if (rule === undefined) {
        return err(`'${line}': all rules of this file have a side already`);
      }
      rules.push(rule);
    }
  }
  return ok(rules);
}

/** The rule with further modifiers; undefined where it has a side and is given one. What is no rule is left for others to refuse. */
function withModifiers(line: string, given: string): string | undefined {
  const match = /^(?:([-+PRHS:.]),?|([a-z-]+)(?:,|(?=[ _]|$)))([^ _]*)/.exec(line);
  if (given === "" || match === null) {
    return line;
  }
  const [head, short, long = "", own = ""] = match;
  const kind = short ?? long;
  const isSided = /^(?:[PRHS]|protect|risk|hide|show)$/.test(kind) || /[sr]/.test(own);
  return isSided && /[sr]/.test(given) ? undefined : `${kind},${own}${given}${line.slice(head.length)}`;
}
