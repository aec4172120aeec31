/** Which of a site's pre-install and post-install scripts run on a node, and in which order: by their names, as SystemImager has it. */
import { quoteWord } from "../../base/posix-quote.ts";

export const scriptStages = ["pre-install", "post-install"] as const;
export type ScriptStage = (typeof scriptStages)[number];

export interface ScriptNode {
  readonly name: string;
  readonly groups: readonly string[];
  readonly image: string;
}

/** The text before the first dot or digit: `web` of `web07.example.org`. */
export function baseHostname(name: string): string {
  return name.replace(/[.\d].*$/s, "");
}

/** Classes of scripts that a node runs, in order. */
export function scriptClasses(node: ScriptNode): readonly string[] {
  const short = node.name.replace(/\..*$/s, "");
  const classes = ["all", node.image, baseHostname(node.name), ...node.groups, short, node.name];
  return [...new Set(classes.filter((name) => name !== ""))];
}

/** A name that may stand in a URL and in a folder, and is no editor's copy. */
export function isScriptName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._+@-]{0,127}$/.test(name) && !name.endsWith(".bak");
}

/** `NNCLASS.anything`: class by class, inside a class by number and name; each once. */
export function orderScripts(names: readonly string[], classes: readonly string[]): readonly string[] {
  const known = [...names].filter(isScriptName).sort((a, b) => (a < b ? -1 : 1));
  return classes
    .flatMap((one) => known.filter((name) => /^\d\d/.test(name) && name.slice(2).startsWith(`${one}.`)))
    .filter((name, index, all) => all.indexOf(name) === index);
}

/** What a node is told of a stage, a line each. */
export function stageListing(names: readonly string[], classes: readonly string[]): string {
  const run = orderScripts(names, classes);
  const others = names.filter((name) => isScriptName(name) && !run.includes(name));
  return [...run.map((name) => `run ${name}\n`), ...others.map((name) => `file ${name}\n`)].join("");
}

/** Names that a site's files for a node go by, the strongest first: its own, its groups', its base name, its image. */
export function fileNames(node: ScriptNode): readonly string[] {
  const short = node.name.replace(/\..*$/s, "");
  const names = [node.name, short, ...node.groups, baseHostname(node.name), node.image];
  return [...new Set(names.filter((name) => name !== ""))];
}

/** `variables.txt`: the names that SystemImager's scripts know. */
export function scriptVariables(node: ScriptNode, server: string): string {
  const [short = node.name, ...domain] = node.name.split(".");
  const values: readonly (readonly [string, string])[] = [
    ["HOSTNAME", short],
    ["DOMAINNAME", domain.join(".")],
    ["BASE_HOSTNAME", baseHostname(node.name)],
    ["GROUPNAMES", node.groups.join(" ")],
    ["IMAGENAME", node.image],
    ["IMAGESERVER", server],
  ];
  return values.map(([name, value]) => `${name}=${quoteWord(value)}\n`).join("");
}
