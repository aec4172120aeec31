/** What of a SystemImager server's folder Ingot takes over, and as what; all else is named with the reason. */
import { isScriptName, type ScriptStage } from "../../autoinstall/install/stage-scripts.ts";
import { parseIpv4 } from "../../base/net-types.ts";
import { parseImageName } from "../../images/manifest.ts";
import type { TakeOverPlan } from "../api/schema/image-file.ts";
import { parseGroupName, parseHostName, parseSelection } from "../hosts/host.ts";
import { type Cluster, parseClients, parseCluster, parseHostsFile } from "./cluster.ts";

/** What lies in the folder, as far as it is looked at. */
export interface SystemImagerFacts {
  readonly folder: string;
  /** Images that are named; all where none is. */
  readonly wanted: readonly string[];
  readonly images: readonly { readonly name: string; readonly retrieved?: string; readonly from?: string }[];
  readonly overrides: readonly string[];
  /** Layouts of the newer line: names without `.xml`. */
  readonly layouts: readonly string[];
  readonly scripts: Readonly<Record<ScriptStage, readonly string[]>>;
  /** `scripts/HOST.sh` that is a link: which script it leads to. */
  readonly hostScripts: readonly { readonly host: string; readonly script: string }[];
  /** Text of the files; absent where there is none. */
  readonly cluster?: { readonly file: string; readonly text: string };
  readonly hosts?: string;
  readonly clients?: string;
  /** Everything else at the top of the folder and of scripts/, by relative path. */
  readonly others: readonly string[];
}

/** What Ingot has already. */
export interface PresentNames {
  readonly images: ReadonlySet<string>;
  readonly nodes: ReadonlySet<string>;
  /** Addresses and MACs that nodes have. */
  readonly taken: ReadonlySet<string>;
}

export function planTakeOver(facts: SystemImagerFacts, present: PresentNames): TakeOverPlan {
  const notes: string[] = [];
  const images = imagesOf(facts, present, notes);
  const cluster = readCluster(facts, notes);
  const nodes = nodesOf(facts, { cluster, present }, notes);
  const overrides = facts.overrides.filter((name) => {
    const good = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(name);
    if (!good) {
      notes.push(`overrides/${name}: not taken, because the name cannot be that of a node, group or image`);
    }
    return good;
  });
  notes.push(...overrideNotes(cluster, overrides));
  const scripts = (["pre-install", "post-install"] as const).flatMap((stage) =>
    facts.scripts[stage].flatMap((name) => {
      if (/^\d\d/.test(name) && isScriptName(name)) {
        return [{ stage, name }];
      }
      notes.push(`scripts/${stage}/${name}: not taken, because nothing runs a script of that name`);
      return [];
    }),
  );
  if (scripts.length > 0) {
    notes.push(
      "the pre-install and post-install scripts were written for SystemImager's ramdisk: read them before an install",
    );
  }
  for (const path of facts.others) {
    notes.push(`${path}: not taken${reasonFor(path)}`);
  }
  return { images, overrides, scripts, nodes, notes };
}

function reasonFor(path: string): string {
  if (/^scripts\/[^/]+\.(?:master|sh)$/.test(path)) {
    return ": Ingot makes the script from the image's layout (ingot layout script IMAGE)";
  }
  if (path.startsWith("images/")) {
    return ": it has no /etc, so it is no system";
  }
  const reasons: Readonly<Record<string, string>> = {
    torrents: ": Ingot makes torrents of its own packs",
    tarballs: ": Ingot has packs instead",
    "scripts/cluster.txt": ": it is made from cluster.xml",
  };
  return reasons[path] ?? "";
}

function imagesOf(facts: SystemImagerFacts, present: PresentNames, notes: string[]): TakeOverPlan["images"] {
  for (const name of facts.wanted.filter((one) => !facts.images.some((image) => image.name === one))) {
    notes.push(`image ${name}: ${facts.folder}/images holds no such image`);
  }
  return facts.images.flatMap(({ name, retrieved, from }) => {
    if (facts.wanted.length > 0 && !facts.wanted.includes(name)) {
      return [];
    }
    const parsed = parseImageName(name);
    if (!parsed.ok || present.images.has(name)) {
      notes.push(
        `image ${name}: not taken, because ${parsed.ok ? "Ingot has one of that name" : parsed.error}`,
      );
      return [];
    }
    const origin = [
      from === undefined ? "" : ` from ${from}`,
      retrieved === undefined ? "" : `, ${retrieved}`,
    ];
    return [
      {
        name,
        message: `SystemImager's image ${name}${origin.join("")}`,
        ...(from === undefined ? {} : { host: from }),
        ...(facts.layouts.includes(name) ? { layout: `scripts/disks-layouts/${name}.xml` } : {}),
      },
    ];
  });
}

function readCluster({ cluster }: SystemImagerFacts, notes: string[]): Cluster {
  const nothing: Cluster = { overrides: [], groups: [] };
  if (cluster === undefined) {
    notes.push("no cluster.xml was found, so there are no groups; --cluster FILE names one");
    return nothing;
  }
  const parsed = parseCluster(cluster.text);
  if (!parsed.ok) {
    notes.push(`${cluster.file}: not taken: ${parsed.error}`);
    return nothing;
  }
  return parsed.value;
}

interface Draft {
  readonly groups: Set<string>;
  readonly macs: Set<string>;
  ip?: string;
}

function nodesOf(
  facts: SystemImagerFacts,
  known: { readonly cluster: Cluster; readonly present: PresentNames },
  notes: string[],
): TakeOverPlan["nodes"] {
  const drafts = new Map<string, Draft>();
  const draft = (name: string): Draft | undefined => {
    const host = parseHostName(name);
    if (!host.ok || parseIpv4(name).ok) {
      notes.push(`node ${name}: not taken, because it is not a host name`);
      return undefined;
    }
    const found = drafts.get(host.value) ?? { groups: new Set(), macs: new Set() };
    drafts.set(host.value, found);
    return found;
  };
  for (const group of known.cluster.groups) {
    for (const name of groupMembers(group, notes)) {
      draft(name)?.groups.add(group.name);
    }
  }
  const scripts = new Map<string, string[]>();
  for (const { host, script } of facts.hostScripts) {
    if (draft(host) !== undefined) {
      scripts.set(script, [...(scripts.get(script) ?? []), host]);
    }
  }
  for (const [script, hosts] of scripts) {
    notes.push(
      `${hosts.join(",")}: had the script ${script}: ingot deploy ${hosts.join(",")} --image ${script} is the same`,
    );
  }
  if (facts.clients !== undefined) {
    const clients = parseClients(facts.clients);
    if (!clients.ok) {
      notes.push(`clients.xml: not taken: ${clients.error}`);
    }
    for (const { name, mac } of clients.ok ? clients.value : []) {
      draft(name)?.macs.add(mac);
    }
  }
  const addresses = parseHostsFile(facts.hosts ?? "");
  for (const [name, node] of drafts) {
    const ip = addresses.get(name);
    if (ip !== undefined) {
      node.ip = ip;
    }
  }
  return freeOf(drafts, known.present, notes);
}

/** The names that a group lists; what else would put nodes into it is named. */
function groupMembers(group: Cluster["groups"][number], notes: string[]): readonly string[] {
  const parsedName = parseGroupName(group.name);
  if (!parsedName.ok) {
    notes.push(`group ${group.name}: not taken, because ${parsedName.error}`);
    return [];
  }
  if (group.image !== undefined) {
    notes.push(
      `group ${group.name} has the image ${group.image}: ingot deploy @${group.name} --image ${group.image}`,
    );
  }
  for (const { element, text } of group.rest) {
    notes.push(`group ${group.name}: <${element}> ${text}: not taken, a group's nodes are named one by one`);
  }
  return group.nodes.flatMap((list) =>
    list.split(/[\s,]+/).flatMap((item) => {
      // A range of addresses names no machines; a name with a hyphen is a name.
      const selection = /^[\d.]+(?:-[\d.]+)?$/.test(item) ? undefined : parseSelection(item);
      if (selection?.ok !== true) {
        notes.push(`group ${group.name}: <node> ${item}: not taken, because it is not a host name`);
        return [];
      }
      return selection.value.flatMap((one) => (one.kind === "hosts" ? one.names : []));
    }),
  );
}

/** Names, addresses and MACs belong to one node each. */
function freeOf(
  drafts: ReadonlyMap<string, Draft>,
  present: PresentNames,
  notes: string[],
): TakeOverPlan["nodes"] {
  const taken = new Set(present.taken);
  const free = (value: string, name: string): boolean => {
    if (taken.has(value)) {
      notes.push(`node ${name}: ${value} not taken, because another node has it`);
      return false;
    }
    taken.add(value);
    return true;
  };
  const nodes: TakeOverPlan["nodes"] = [];
  for (const [name, { groups, macs, ip }] of [...drafts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (present.nodes.has(name)) {
      const more = groups.size === 0 ? "" : ` (cluster.xml has it in ${[...groups].join(", ")})`;
      notes.push(`node ${name}: left as it is, because Ingot has it already${more}`);
      continue;
    }
    nodes.push({
      name,
      groups: [...groups],
      macs: [...macs].filter((mac) => free(mac, name)),
      ...(ip !== undefined && free(ip, name) ? { ip } : {}),
    });
  }
  const without = nodes.filter(({ macs }) => macs.length === 0).length;
  if (without > 0) {
    notes.push(`${without} nodes have no MAC: ingot node set NODE --mac MAC, or let them be discovered`);
  }
  return nodes;
}

/** Which trees are whose is in cluster.xml alone, and would be lost with it. */
function overrideNotes(cluster: Cluster, overrides: readonly string[]): readonly string[] {
  const lists = [
    { whose: "all nodes", own: "all", names: cluster.overrides },
    ...cluster.groups.map(({ name, overrides: names }) => ({ whose: `group ${name}`, own: name, names })),
  ];
  const listed = lists.flatMap(({ whose, own, names }) => {
    const missing = names.filter((name) => !overrides.includes(name));
    const foreign = names.filter((name) => name !== own);
    return [
      ...missing.map((name) => `${whose}: the override ${name} is in cluster.xml and not in the folder`),
      ...(foreign.length === 0
        ? []
        : [
            `${whose}: cluster.xml lays the overrides ${names.join(", ")} over the image; here an override lies over the nodes and groups of its name, so give the nodes groups of these names: ingot node set NODES --group GROUP`,
          ]),
    ];
  });
  return listed;
}
