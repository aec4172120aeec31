import { globalOptions } from "./arguments.ts";
import type { Command, OptionSpec } from "./command.ts";
import { exitCodeMeanings } from "./exit-codes.ts";

/** Breaks text into lines of at most `width` characters, each after `indent` spaces. */
export function wrapText(text: string, options: { readonly width: number; readonly indent: number }): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter((part) => part !== "")) {
    if (line !== "" && line.length + 1 + word.length > options.width - options.indent) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.map((text) => " ".repeat(options.indent) + text).join("\n");
}

function optionLines(options: Readonly<Record<string, OptionSpec>>): string {
  return Object.entries(options)
    .map(([name, spec]) => {
      const short = spec.short === undefined ? "    " : `-${spec.short}, `;
      const value = spec.type === "boolean" ? "" : ` ${spec.value ?? "VALUE"}`;
      const left = `  ${short}--${name}${value}`;
      const help = wrapText(spec.type === "list" ? `${spec.help} (may be repeated)` : spec.help, {
        width: 100,
        indent: 30,
      });
      return left.length < 29 ? left.padEnd(30) + help.trimStart() : `${left}\n${help}`;
    })
    .join("\n");
}

/** `ingot COMMAND --help`. */
export function commandHelp(command: Command): string {
  const parts = [
    `Usage: ingot ${command.name} ${command.synopsis}`.trimEnd(),
    "",
    wrapText(command.summary, { width: 100, indent: 0 }),
  ];
  for (const paragraph of command.description?.split("\n\n") ?? []) {
    parts.push("", wrapText(paragraph, { width: 100, indent: 0 }));
  }
  if (Object.keys(command.options).length > 0) {
    parts.push("", "Options:", optionLines(command.options));
  }
  parts.push("", "Everywhere:", optionLines(globalOptions));
  if (command.examples !== undefined) {
    parts.push("", "Examples:", ...command.examples.map((example) => `  ${example}`));
  }
  parts.push(
    "",
    "Exit codes:",
    ...exitCodeMeanings.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`),
  );
  return `${parts.join("\n")}\n`;
}

/** `ingot --help`. */
export function overviewHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => command.name.length)) + 2;
  const lines = commands.map((command) => `  ${command.name.padEnd(width)}${command.summary}`);
  return [
    "Usage: ingot COMMAND [ARGUMENT...]",
    "",
    "Ingot captures a hand-installed Linux machine over SSH as an image, netboots and installs",
    "copies of it, and keeps them in step with it.",
    "",
    "Commands:",
    ...lines,
    "",
    "NODES are names, groups and ranges: web[01-16], node001-node016, @compute, comma lists.",
    "'ingot COMMAND --help' tells more of each. SystemImager's command names (si_getimage, si_mkclientnetboot,",
    "si_pushupdate, si_lsimage ...) work too, with their own options.",
    "",
  ].join("\n");
}

/** The subcommands that begin with these words, for `ingot image --help`. */
export function groupHelp(group: string, commands: readonly Command[]): string {
  const lines = commands.map(
    (command) => `  ingot ${command.name} ${command.synopsis}\n      ${command.summary}`,
  );
  return [`Usage: ingot ${group} COMMAND [ARGUMENT...]`, "", ...lines, ""].join("\n");
}
