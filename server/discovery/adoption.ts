/** Adoption: which name a discovered machine gets, asked for by a person or by a rule of the configuration. */
import { err, ok, type Result } from "../../base/result.ts";
import { type Host, type HostName, parseHostName, parseSelection } from "../hosts/host.ts";
import type { Stranger } from "./stranger.ts";

/** `netboot.adopt` of the configuration: patterns have `*` and `?`, and case does not count. All that are given must hold. */
export interface AdoptionRule {
  /** A range, of which the first free name is taken (`web[001-100]`), or a text with `{serial}`, `{mac}` or `{uuid}`. */
  readonly name: string;
  readonly groups: readonly string[];
  readonly interface?: string | undefined;
  readonly mac?: string | undefined;
  readonly vendor?: string | undefined;
  readonly product?: string | undefined;
  readonly serial?: string | undefined;
  readonly minMemory?: number | undefined;
  readonly minDisks?: number | undefined;
}

export interface Adoption {
  readonly name: HostName;
  readonly groups: readonly string[];
}

/** The first rule that a machine meets, and the name it gives. Undefined: none, so the machine waits for a person. */
export function adoptByRule(
  stranger: Stranger,
  rules: readonly AdoptionRule[],
  isTaken: (name: HostName) => boolean,
): Result<Adoption, string> | undefined {
  const rule = rules.find((one) => meets(stranger, one));
  if (rule === undefined) {
    return undefined;
  }
  const name = nameBy(rule.name, stranger, isTaken);
  return name.ok ? ok({ name: name.value, groups: rule.groups }) : name;
}

function meets(stranger: Stranger, rule: AdoptionRule): boolean {
  const { hardware } = stranger;
  if (hardware === undefined || stranger.ignored) {
    return false;
  }
  const texts: readonly (readonly [pattern: string | undefined, text: string])[] = [
    [rule.interface, stranger.interface],
    [rule.mac, stranger.mac],
    [rule.vendor, hardware.vendor],
    [rule.product, hardware.product],
    [rule.serial, hardware.serial],
  ];
  return (
    texts.every(([pattern, text]) => pattern === undefined || matches(pattern, text)) &&
    hardware.memory >= (rule.minMemory ?? 0) &&
    hardware.disks.length >= (rule.minDisks ?? 0)
  );
}

function matches(pattern: string, text: string): boolean {
  const source = pattern.replace(/[\\^$.*+?()[\]{}|]/g, (character) =>
    character === "*" ? ".*" : character === "?" ? "." : `\\${character}`,
  );
  return new RegExp(`^${source}$`, "i").test(text);
}

/** The name that a text stands for: the first free one of a range, or a text with the machine's own parts put in. */
function nameBy(
  text: string,
  stranger: Stranger,
  isTaken: (name: HostName) => boolean,
): Result<HostName, string> {
  if (!text.includes("{")) {
    return firstFree(text, isTaken);
  }
  const parts: Readonly<Record<string, string>> = {
    serial: stranger.hardware?.serial ?? "",
    uuid: stranger.hardware?.uuid ?? "",
    mac: stranger.mac.replaceAll(":", ""),
  };
  let lacking = "";
  const filled = text.replace(/\{(\w+)\}/g, (whole, part: string) => {
    const value = Object.hasOwn(parts, part) ? (parts[part] ?? "") : "";
    lacking ||= value === "" ? whole : "";
    return value;
  });
  if (lacking !== "") {
    return err(`the name '${text}' wants ${lacking}, which the machine does not tell`);
  }
  const name = parseHostName(filled.toLowerCase().replace(/[^a-z0-9.-]+/g, "-"));
  return name.ok && isTaken(name.value) ? err(`the name ${name.value} is taken`) : name;
}

function firstFree(selection: string, isTaken: (name: HostName) => boolean): Result<HostName, string> {
  const names = namesOf(selection);
  if (!names.ok) {
    return names;
  }
  const free = names.value.find((name) => !isTaken(name));
  return free === undefined ? err(`all names of ${selection} are taken`) : ok(free);
}

/** The names of a selection, which names no group. */
export function namesOf(selection: string): Result<readonly HostName[], string> {
  const items = parseSelection(selection);
  if (!items.ok) {
    return items;
  }
  const names = items.value.flatMap((item) => (item.kind === "hosts" ? item.names : []));
  return items.value.some((item) => item.kind === "group")
    ? err(`'${selection}' names a group; new nodes need names`)
    : ok(names);
}

/** Gives names to machines in the order in which both are listed: who is powered on first gets the first name. */
export function adoptInOrder(
  strangers: readonly Stranger[],
  names: readonly HostName[],
  existing: (name: HostName) => Host | undefined,
): Result<readonly { readonly stranger: Stranger; readonly name: HostName }[], string> {
  const free = names.filter((name) => existing(name) === undefined);
  return free.length < strangers.length
    ? err(`${strangers.length} machines wait, and ${free.length} of the names are free`)
    : ok(strangers.map((stranger, index) => ({ stranger, name: free[index] as HostName })));
}
