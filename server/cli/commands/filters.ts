/** Filter rules on the command line, and how the resolved list is shown. */
import { resolve } from "node:path";
import { filterLines, mergeFileOf } from "../../../images/sync/filter-rules.ts";
import type { CommandContext, OptionSpec } from "../command.ts";
import { renderTable } from "../output.ts";
import { readTextFile } from "../text-file.ts";

export const rulesOption: OptionSpec = {
  type: "boolean",
  help: "show every filter rule in the order in which they decide, with where it came from and why",
};

/** The rules of every --filter, merge files read: their names are relative to the working directory. */
export function filterRules(context: CommandContext): readonly string[] {
  return context.args.list("filter").flatMap((rule) => merged(context, rule, 0));
}

const deepest = 16;

function merged(context: CommandContext, rule: string, depth: number): readonly string[] {
  const merge = mergeFileOf(rule);
  if (merge === undefined || depth > deepest) {
    return [rule];
  }
  const text = readTextFile(resolve(context.env.cwd, merge.file));
  return filterLines(text, merge.plain).flatMap((line) => merged(context, line, depth + 1));
}

interface ShownRule {
  readonly text: string;
  readonly origin: string;
  readonly reason?: string | undefined;
}

/** The resolved list, or a line that says how to see it. */
export function renderRules(context: CommandContext, rules: readonly ShownRule[]): string {
  return context.args.flag("rules")
    ? renderTable(
        ["RULE", "FROM", "WHY"],
        rules.map((rule) => [rule.text, rule.origin, rule.reason ?? ""]),
      )
    : `${rules.length} filter rules; --rules shows them\n`;
}
