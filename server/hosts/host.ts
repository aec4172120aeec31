/** Nodes: names, what is known of each, and the selections (`web[01-16],@compute`) that name many at once. */
import type { Brand } from "../../base/brand.ts";
import { type Ipv4Address, type MacAddress, parseIpv4, parseMac } from "../../base/net-types.ts";
import { collect, err, ok, type Result } from "../../base/result.ts";
import type { VersionId } from "../../images/manifest.ts";
import { isUuid } from "../../netboot/boot-files/names.ts";
import type { LocalBootMethod } from "../../netboot/booter.ts";

/** An RFC 1123 host name in lower case: labels of letters, digits and inner hyphens, 63 at most, 253 in all. */
export type HostName = Brand<string, "HostName">;
/** Same grammar as one host name label, underscores allowed. */
export type GroupName = Brand<string, "GroupName">;

export interface Host {
  readonly name: HostName;
  readonly macs: readonly MacAddress[];
  /** Of its mainboard, as `dmidecode` shows it: firmware tells it, so the machine is known before any of its cards is. */
  readonly uuid?: string;
  readonly ip?: Ipv4Address;
  readonly groups: readonly GroupName[];
  /** The version the node is said to have. */
  readonly image?: VersionId;
  /** Added to the install kernel's command line. */
  readonly kernelArguments?: string;
  /** How it comes from the network to its disk; what is usual for its firmware where it is not said. */
  readonly localBoot?: LocalBootMethod;
  /** When the node last asked for something to boot, and as what. */
  readonly seen?: { readonly at: number; readonly firmware?: string; readonly address?: string };
}

/** More names than this in one selection are taken for a slip of the finger. */
const selectionLimit = 16_384;

export function parseHostName(text: string): Result<HostName, string> {
  const name = text.toLowerCase();
  const valid =
    name.length <= 253 &&
    name.split(".").every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  return valid
    ? ok(name as HostName)
    : err(`'${text}' is not a host name (letters, digits and inner hyphens, labels joined by dots)`);
}

export function parseGroupName(text: string): Result<GroupName, string> {
  return /^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/.test(text)
    ? ok(text as GroupName)
    : err(`'${text}' is not a group name (letters, digits, inner '-' and '_')`);
}

/** Words for a kernel command line: printable ASCII without quotes, so that no boot loader's grammar can be left. */
export function parseKernelArguments(text: string): Result<string, string> {
  return /^[A-Za-z0-9_.,:=/@%+ -]*$/.test(text)
    ? ok(text.trim().replace(/ +/g, " "))
    : err(`'${text}' is not a list of kernel arguments (letters, digits and _.,:=/@%+- between spaces)`);
}

export interface HostInput {
  readonly name: string;
  readonly macs?: readonly string[] | undefined;
  readonly uuid?: string | undefined;
  readonly ip?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly kernelArguments?: string | undefined;
}

/** Checks what a person wrote about one node. */
export function parseHost(input: HostInput): Result<Host, string> {
  const name = parseHostName(input.name);
  if (!name.ok) {
    return name;
  }
  const macs = collect((input.macs ?? []).map(parseUnicastMac));
  const groups = collect((input.groups ?? []).map(parseGroupName));
  const ip = input.ip === undefined ? undefined : parseIpv4(input.ip);
  const uuid = input.uuid === undefined ? undefined : parseUuid(input.uuid);
  const words = input.kernelArguments === undefined ? undefined : parseKernelArguments(input.kernelArguments);
  for (const part of [macs, groups, ip, uuid, words]) {
    if (part !== undefined && !part.ok) {
      return err(`node ${name.value}: ${part.error}`);
    }
  }
  return ok({
    name: name.value,
    macs: macs.ok ? [...new Set(macs.value)] : [],
    groups: groups.ok ? [...new Set(groups.value)].sort((a, b) => (a < b ? -1 : 1)) : [],
    ...(uuid?.ok === true ? { uuid: uuid.value } : {}),
    ...(ip?.ok === true ? { ip: ip.value } : {}),
    ...(words?.ok === true && words.value !== "" ? { kernelArguments: words.value } : {}),
  });
}

/** What mainboards have that were never given one of their own is no UUID. */
export function parseUuid(text: string): Result<string, string> {
  const uuid = text.toLowerCase();
  return isUuid(uuid) && !/^[0-]+$|^[f-]+$/.test(uuid)
    ? ok(uuid)
    : err(`'${text}' is not the UUID of a machine, such as 'dmidecode -s system-uuid' shows`);
}

/** A machine's own address: not a group address, not all zeros. */
export function parseUnicastMac(text: string): Result<MacAddress, string> {
  const mac = parseMac(text);
  if (mac.ok && (Number.parseInt(mac.value.slice(0, 2), 16) % 2 === 1 || mac.value === "00:00:00:00:00:00")) {
    return err(`'${text}' is not the address of one machine`);
  }
  return mac;
}

/** One item of a selection: host names it stands for, or a group to look up. */
export type SelectionItem =
  | { readonly kind: "hosts"; readonly text: string; readonly names: readonly HostName[] }
  | { readonly kind: "group"; readonly group: GroupName };

/**
 * Parses `web[01-16],node001-node016,@compute,db1`. Items are split at commas outside brackets, spaces and newlines. `A-B` is a
 * range where A and B differ only in a number; else it is a name with a hyphen. `\-` is a hyphen that makes no range.
 */
export function parseSelection(text: string): Result<readonly SelectionItem[], string> {
  const items: SelectionItem[] = [];
  let count = 0;
  for (const item of text.split(/[\s,]+(?![^[]*\])/).filter((part) => part !== "")) {
    const parsed = item.startsWith("@") ? parseGroupItem(item) : expandItem(item);
    if (!parsed.ok) {
      return parsed;
    }
    count += parsed.value.kind === "hosts" ? parsed.value.names.length : 1;
    if (count > selectionLimit) {
      return err(`'${item}' makes more than ${selectionLimit} names`);
    }
    items.push(parsed.value);
  }
  return items.length === 0 ? err("no node is named") : ok(items);
}

function parseGroupItem(item: string): Result<SelectionItem, string> {
  const group = parseGroupName(item.slice(1));
  return group.ok ? ok({ kind: "group", group: group.value }) : group;
}

function expandItem(item: string): Result<SelectionItem, string> {
  const texts = item.includes("[") || item.includes("]") ? expandBrackets(item) : expandDash(item);
  if (!texts.ok) {
    return texts;
  }
  const names = collect(texts.value.map((name) => parseHostName(name.replaceAll("\\-", "-"))));
  return names.ok ? ok({ kind: "hosts", text: item, names: names.value }) : names;
}

/** `web[01-03,07].example` and several brackets, as their product. */
function expandBrackets(item: string): Result<readonly string[], string> {
  let names: readonly string[] = [""];
  let rest = item;
  while (rest !== "") {
    const match = /^([^[\]]*)(?:\[([0-9,-]+)\])?/.exec(rest);
    const literal = match?.[1] ?? "";
    const inside = match?.[2];
    if (match === null || match[0] === "") {
      return err(`'${item}' has a bracket that holds no numbers (such as web[01-16,20])`);
    }
    const numbers = inside === undefined ? ok([""]) : expandNumbers(inside, item);
    if (!numbers.ok) {
      return numbers;
    }
    if (names.length * numbers.value.length > selectionLimit) {
      return err(`'${item}' makes more than ${selectionLimit} names`);
    }
    names = names.flatMap((name) => numbers.value.map((number) => name + literal + number));
    rest = rest.slice(match[0].length);
  }
  return ok(names);
}

function expandNumbers(text: string, item: string): Result<readonly string[], string> {
  const all: string[] = [];
  for (const part of text.split(",")) {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part);
    const range = match?.[1] === undefined ? undefined : countUp(match[1], match[2] ?? match[1]);
    if (range === undefined) {
      return err(`'${item}': '${part}' is not a number or a rising range of at most ${selectionLimit}`);
    }
    all.push(...range);
  }
  return ok(all);
}

/** `node001-node016`, also with equal domains. */
function expandDash(item: string): Result<readonly string[], string> {
  for (const dash of dashes(item)) {
    const from = /^(.*?)(\d{1,9})(\.[^0-9].*)?$/.exec(item.slice(0, dash));
    const to = /^(.*?)(\d{1,9})(\.[^0-9].*)?$/.exec(item.slice(dash + 1));
    if (from?.[2] === undefined || to?.[2] === undefined || from[1] === "" || from[1] !== to[1]) {
      continue;
    }
    if ((from[3] ?? "") !== (to[3] ?? "")) {
      continue;
    }
    const range = countUp(from[2], to[2]);
    return range === undefined
      ? err(`'${item}' is not a rising range of at most ${selectionLimit} names`)
      : ok(range.map((number) => `${from[1] ?? ""}${number}${from[3] ?? ""}`));
  }
  return ok([item]);
}

function dashes(item: string): number[] {
  return [...item.matchAll(/(?<!\\)-/g)].map((match) => match.index);
}

/** Numbers from..to, zero-padded to the width of `from`; undefined where falling or too many. */
function countUp(from: string, to: string): string[] | undefined {
  const count = Number(to) - Number(from) + 1;
  if (count < 1 || count > selectionLimit) {
    return undefined;
  }
  return Array.from({ length: count }, (_, index) => String(Number(from) + index).padStart(from.length, "0"));
}

/** The hosts that a selection names, in its order, each once; a name or group that nobody has is an error. */
export function selectHosts(text: string, hosts: readonly Host[]): Result<readonly Host[], string> {
  const items = parseSelection(text);
  if (!items.ok) {
    return items;
  }
  const byName = new Map(hosts.map((host) => [host.name, host]));
  const chosen = new Map<HostName, Host>();
  const unknown: string[] = [];
  for (const item of items.value) {
    if (item.kind === "group") {
      const members = hosts.filter((host) => host.groups.includes(item.group));
      if (members.length === 0) {
        unknown.push(`@${item.group}`);
      }
      for (const host of members) {
        chosen.set(host.name, host);
      }
      continue;
    }
    for (const name of item.names) {
      const host = byName.get(name);
      if (host === undefined) {
        unknown.push(name);
      } else {
        chosen.set(name, host);
      }
    }
  }
  if (unknown.length > 0) {
    const more = unknown.length > 10 ? ` and ${unknown.length - 10} more` : "";
    return err(`no such node or group: ${unknown.slice(0, 10).join(", ")}${more}`);
  }
  return ok([...chosen.values()]);
}
