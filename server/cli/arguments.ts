import { parseArgs } from "node:util";
import { AppError } from "../../base/errors.ts";
import type { Command, OptionSpec, ParsedCommand } from "./command.ts";

/** Options that every command has. */
export const globalOptions: Readonly<Record<string, OptionSpec>> = {
  state: {
    type: "string",
    value: "DIR",
    help: "the daemon's state folder (default /var/lib/ingot, or $INGOT_STATE)",
  },
  json: { type: "boolean", help: "print the result as JSON on standard output" },
  quiet: { type: "boolean", short: "q", help: "no progress, only errors and the result" },
  help: { type: "boolean", short: "h", help: "print this help" },
};

/** Parses the words after a command's name. Throws `bad-input` with the command's synopsis as hint. */
export function parseCommandLine(
  command: Command,
  words: readonly string[],
): ParsedCommand & { help: boolean; state?: string } {
  const specs = { ...command.options, ...globalOptions };
  const config = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      {
        type: spec.type === "boolean" ? ("boolean" as const) : ("string" as const),
        multiple: spec.type === "list",
        ...(spec.short === undefined ? {} : { short: spec.short }),
      },
    ]),
  );
  const separator = words.indexOf("--");
  const own = separator < 0 ? words : words.slice(0, separator);
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...own], options: config, allowPositionals: true, strict: true });
  } catch (error) {
    const message = error instanceof Error ? (error.message.split(". ")[0] ?? error.message) : String(error);
    throw usageError(command, message);
  }
  const values = parsed.values;
  const help = values.help === true;
  const count = parsed.positionals.length;
  if (!help && count < command.positionals.min) {
    throw usageError(command, `Too few arguments for 'ingot ${command.name}'`);
  }
  if (!help && count > command.positionals.max) {
    throw usageError(
      command,
      `Too many arguments for 'ingot ${command.name}': ${parsed.positionals.join(" ")}`,
    );
  }
  const state = values.state;
  return {
    positionals: parsed.positionals,
    flag: (name) => values[name] === true,
    text: (name) => (typeof values[name] === "string" ? values[name] : undefined),
    list: (name) => (Array.isArray(values[name]) ? values[name].map(String) : []),
    rest: separator < 0 ? [] : words.slice(separator + 1),
    json: values.json === true,
    quiet: values.quiet === true,
    help,
    ...(typeof state === "string" ? { state } : {}),
  };
}

/** A mistake in the command line, with how the command is called. */
export function usageError(command: Command, message: string): AppError {
  return new AppError("bad-input", message, {
    hint:
      `usage: ingot ${command.name} ${command.synopsis}`.trimEnd() +
      `; 'ingot ${command.name} --help' tells more`,
  });
}
