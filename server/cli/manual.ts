/** The command reference, as Markdown (docs/cli.md) and as a man page, from the commands themselves. */
import { globalOptions } from "./arguments.ts";
import type { Command, OptionSpec } from "./command.ts";
import { exitCodeMeanings } from "./exit-codes.ts";

const introduction =
  "Ingot captures a hand-installed Linux machine over SSH as an image, netboots and installs copies of it, and keeps them in step " +
  "with it. One daemon (`ingot serve`) owns the state; every other command but `ingot layout` talks to it over the socket in its state " +
  "folder. NODES is names, groups and ranges: `web[01-16]`, `node001-node016`, `@compute`, comma lists.";

/** docs/cli.md. */
export function manualMarkdown(commands: readonly Command[]): string {
  const parts = [
    "# Commands",
    "",
    "Made from the commands' own help by `npm run docs`; a test fails when it is stale.",
    "",
    introduction,
    "",
    "Options of every command:",
    "",
    ...markdownOptions(globalOptions),
    "",
    "Exit codes:",
    "",
    "| code | meaning |",
    "|---|---|",
    ...exitCodeMeanings.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    "",
  ];
  for (const command of commands) {
    parts.push(
      `## ingot ${command.name}`,
      "",
      `    ingot ${command.name} ${command.synopsis}`.trimEnd(),
      "",
      `${command.summary}.`,
      "",
    );
    for (const paragraph of command.description?.split("\n\n") ?? []) {
      parts.push(paragraph, "");
    }
    if (Object.keys(command.options).length > 0) {
      parts.push(...markdownOptions(command.options), "");
    }
    if (command.examples !== undefined) {
      parts.push(...command.examples.map((example) => `    ${example}`), "");
    }
  }
  return `${parts.join("\n").trimEnd()}\n`;
}

/** docs/man/ingot.8, in the man(7) macros. */
export function manualRoff(commands: readonly Command[], version: string): string {
  const lines = [
    `.TH INGOT 8 "" "Ingot ${version}" "System Administration"`,
    ".SH NAME",
    "ingot \\- golden-image provisioning server",
    ".SH SYNOPSIS",
    ".B ingot",
    ".I COMMAND",
    "[ARGUMENT...]",
    ".SH DESCRIPTION",
    roff(introduction.replaceAll("`", "")),
    ".SH OPTIONS OF EVERY COMMAND",
    ...roffOptions(globalOptions),
    ".SH COMMANDS",
  ];
  for (const command of commands) {
    lines.push(`.SS "ingot ${roff(command.name)} ${roff(command.synopsis)}"`, roff(`${command.summary}.`));
    for (const paragraph of command.description?.split("\n\n") ?? []) {
      lines.push(".PP", roff(paragraph));
    }
    lines.push(...roffOptions(command.options));
    for (const example of command.examples ?? []) {
      lines.push(".PP", ".RS", `.B ${roff(example)}`, ".RE");
    }
  }
  lines.push(".SH EXIT STATUS");
  for (const [code, meaning] of exitCodeMeanings) {
    lines.push(".TP", String(code), roff(meaning));
  }
  return `${lines.join("\n")}\n`;
}

function optionTitle(name: string, spec: OptionSpec): string {
  const short = spec.short === undefined ? "" : `-${spec.short}, `;
  return `${short}--${name}${spec.type === "boolean" ? "" : ` ${spec.value ?? "VALUE"}`}`;
}

function markdownOptions(options: Readonly<Record<string, OptionSpec>>): string[] {
  return Object.entries(options).map(
    ([name, spec]) =>
      `- \`${optionTitle(name, spec)}\`: ${spec.help}${spec.type === "list" ? " (may be repeated)" : ""}`,
  );
}

function roffOptions(options: Readonly<Record<string, OptionSpec>>): string[] {
  return Object.entries(options).flatMap(([name, spec]) => [
    ".TP",
    `.B ${roff(optionTitle(name, spec))}`,
    roff(spec.help),
  ]);
}

/** Escapes text for roff: backslashes, hyphens, and a leading control character. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^([.'])/, "\\&$1")
    .replaceAll('"', "\\(dq");
}
