/** Filter rules on the command line, and how the resolved list is shown. */
import { resolve } from "node:path";
import { AppError } from "../../../base/errors.ts";
import { mergedRules, mergeFileOf } from "../../../images/sync/merge-file.ts";
import type { CommandContext, OptionSpec } from "../command.ts";
import { renderTable } from "../output.ts";
import { readTextFile } from "../text-file.ts";

export const rulesOption: OptionSpec = {
  type: "boolean",
  help: "show every filter rule in the order in which they decide, with where it came from and why",
};

/** Of the commands that take a part of a tree. */
export const selectionOptions: Readonly<Record<string, OptionSpec>> = {
  filter: {
    type: "list",
    short: "f",
    value: "RULE",
    help: "a rule of rsync's --filter: '- /srv/cache', 'P /srv/data', '. FILE', ': FILE'; they count before --exclude",
  },
  exclude: {
    type: "list",
    value: "RULE",
    help: "leave out what the rsync filter rule names, such as /srv/cache/*",
  },
  profile: {
    type: "list",
    value: "NAME",
    help: "add an exclude profile: hardware, identity, puppet, volatile, pseudo",
  },
};

/** What {@link selectionOptions} were given, as the API's fields. */
export function selectionFields(context: CommandContext): {
  readonly filter: readonly string[];
  readonly exclude: readonly string[];
  readonly profiles: readonly string[];
} {
  const { args } = context;
  return {
    filter: filterRules(context),
    exclude: args.list("exclude"),
    profiles: args.list("profile"),
  };
}

/** The rules of every --filter, merge files read: their names are relative to the working directory. */
function filterRules(context: CommandContext): readonly string[] {
  return context.args.list("filter").flatMap((rule) => merged(context, rule, 0));
}

const deepest = 16;

function merged(context: CommandContext, rule: string, depth: number): readonly string[] {
  const merge = mergeFileOf(rule);
  if (merge === undefined || depth > deepest) {
    return [rule];
  }
  const text = readTextFile(resolve(context.env.cwd, merge.file));
  const rules = mergedRules(text, merge);
  if (!rules.ok) {
    throw new AppError("bad-input", `Filter rules of ${merge.file}: ${rules.error}`);
  }
  return rules.value.flatMap((line) => merged(context, line, depth + 1));
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
