/** Gathers what planning an update needs: rules, the version's entries, what the node had before. The same for push and pull. */
import { AppError } from "../../base/errors.ts";
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import { mountsBelow } from "../capture/mounts.ts";
import { joinRules } from "../capture/rules.ts";
import { lostInUpdate, missingTools } from "../capture/tool-limits.ts";
import type { FileEntry, ListedEntry } from "../entry.ts";
import type { ImageName, VersionId } from "../manifest.ts";
import type { VersionReader } from "../store/store.ts";
import type { ResolvedRule } from "../sync/actions.ts";
import { capturePrune } from "../sync/exclude.ts";
import type { Prune } from "../sync/listing.ts";
import { defaultProfiles } from "../sync/profiles.ts";
import { asKept, dialectOf, listedAsKept } from "./keeping.ts";
import { mountRules, type NodeState } from "./node-state.ts";
import { planUpdate, type UpdatePlan } from "./plan.ts";
import type { Suspicion } from "./questions.ts";
import type { UpdateOptions } from "./request.ts";

/** What of Ingot's is the node's own. */
export const ownFiles: readonly ResolvedRule[] = [
  { text: "- /etc/systemimager/IMAGE_LAST_SYNCED_TO", origin: "ingot", reason: "says what this node has" },
  {
    text: "- /etc/systemimager/updateclient.local.exclude",
    origin: "ingot",
    reason: "the node's own list; the image's copy is for new nodes",
  },
  { text: "- /etc/systemimager/BOOT_STEPS_DUE", origin: "ingot", reason: "what this node must make anew" },
  { text: "- /etc/systemimager/ingot.conf", origin: "ingot", reason: "which server this node asks" },
  { text: "- /usr/local/sbin/si_prepareclient", origin: "ingot", reason: "installed on this node" },
  {
    text: "- /usr/local/sbin/si_updateclient",
    origin: "ingot",
    reason: "installed on this node, maybe at work",
  },
];

export interface NodeContext {
  readonly host: string;
  readonly root: string;
  readonly state: NodeState;
  readonly options: UpdateOptions;
}

/** All rules of an update, the first match decides; refuses a node that cannot be updated. */
export function updateRules(node: NodeContext): readonly ResolvedRule[] {
  const { state, host } = node;
  if (!state.root) {
    throw new AppError("refused", `Cannot update ${host}: not run as root`, {
      hint: "Connect as root, or as a user who may use sudo without a password.",
    });
  }
  const missing = missingTools(state.tools);
  if (missing.length > 0) {
    throw new AppError("missing-tool", `Cannot update ${host}: it has no ${missing.join(" and no ")}`, {
      hint: "Install it there with the machine's package manager.",
    });
  }
  const rules = joinRules(
    {
      ...node.options,
      rules: [
        ...mountRules(state.mounts, node.root),
        ...ownFiles,
        ...(node.options.rules ?? []),
        ...state.rules,
      ],
    },
    defaultProfiles.update,
  );
  if (!rules.ok) {
    throw new AppError("bad-input", `Cannot update ${host}: ${rules.error}`);
  }
  return rules.value;
}

/** Where the node's listing does not descend. */
export function updatePrune(node: NodeContext, rules: readonly ResolvedRule[]): readonly Prune[] {
  const mounts = mountsBelow(node.state.mounts, node.root).filter(({ path }) => path !== "");
  return [
    ...mounts
      .filter(({ mount }) => mount.kind !== "local")
      .map(({ path }) => ({ path, keep: "directory" as const })),
    // Staging folders that a run which was cut off has left on the node's other filesystems.
    ...mounts
      .filter(({ mount }) => mount.kind === "local")
      .map(({ path }) => ({ path: `${path}/.ingot-staging` as RelPath, keep: "nothing" as const })),
    ...capturePrune(rules),
  ];
}

/** What planning needs of the version and of the one that the node has. */
export interface PlanSources {
  readonly node: NodeContext;
  readonly version: VersionId;
  readonly rules: readonly ResolvedRule[];
  readonly directory: RelPath;
  readonly entries: readonly FileEntry[];
  readonly suspicion: Suspicion;
}

/** Reads the version and refuses what would be no update. */
export async function planSources(
  store: VersionReader,
  input: Pick<PlanSources, "node" | "version" | "rules">,
): Promise<PlanSources> {
  const { node, version } = input;
  const { tools } = node.state;
  const entries = (await entriesOf(store, version)).map((entry) => asKept(entry, tools));
  if (entries.length < 2) {
    throw new AppError(
      "refused",
      `${version.image}@${version.number} is empty: it would delete everything on ${node.host}`,
      {
        hint: "Capture or commit the image again.",
      },
    );
  }
  const directory = parseRelPath((node.options.directory ?? "/").replace(/^\/+/, ""));
  if (!directory.ok) {
    throw new AppError("bad-input", `Cannot update ${node.options.directory}: ${directory.error}`);
  }
  const changedBefore = await changesSince(store, { state: node.state, version, entries });
  const { synced } = node.state;
  return {
    ...input,
    directory: directory.value,
    entries,
    suspicion: { changedBefore, ...(synced === undefined ? {} : { syncedAt: synced.at }) },
  };
}

/** Plans with the node's listing in hand. */
export function planFor(sources: PlanSources, listed: readonly ListedEntry[]): UpdatePlan {
  const { options, state } = sources.node;
  const plan = planUpdate({
    image: sources.version.image,
    version: sources.version.number,
    entries: sources.entries,
    listed: listed.map((each) => listedAsKept(each, state.tools)),
    rules: sources.rules,
    directory: sources.directory,
    noDelete: options.noDelete === true,
    noBootloader: options.noBootloader === true,
    bootStepsDue: state.bootStepsDue,
    ...sources.suspicion,
  });
  const dialect = dialectOf(state.tools);
  return {
    ...plan,
    ...(dialect === undefined ? {} : { dialect }),
    notes: [...plan.notes, ...(plan.actions.length === 0 ? [] : lostInUpdate(state.tools))],
  };
}

async function entriesOf(store: VersionReader, version: VersionId): Promise<readonly FileEntry[]> {
  const entries: FileEntry[] = [];
  for await (const entry of store.entries(version)) {
    entries.push(entry);
  }
  return entries;
}

/** Tells whether an entry's attributes or content differ from those in the version that the node has. */
async function changesSince(
  store: VersionReader,
  input: { readonly state: NodeState; readonly version: VersionId; readonly entries: readonly FileEntry[] },
): Promise<(path: RelPath) => boolean> {
  const ref = input.state.synced?.ref;
  if (ref === undefined || (ref.image === input.version.image && ref.number === input.version.number)) {
    return () => false;
  }
  const now = wordsByPath(input.entries);
  const before = await knownVersion(store, ref)
    .then(async (version) => wordsByPath(await entriesOf(store, version)))
    .catch(() => undefined);
  const attributed = new Set(
    input.entries.filter((entry) => (entry.extended?.length ?? 0) > 0).map((entry) => entry.path),
  );
  return (path) => (before === undefined ? attributed.has(path) : now.get(path) !== before.get(path));
}

async function knownVersion(
  store: VersionReader,
  ref: { readonly image: ImageName; readonly number?: number; readonly tag?: string },
): Promise<VersionId> {
  const manifest = await store.resolve(ref);
  return { image: manifest.image, number: manifest.number };
}

/** What a listing does not show of each entry. */
function wordsByPath(entries: readonly FileEntry[]): ReadonlyMap<RelPath, string> {
  return new Map(
    entries.map((entry) => [
      entry.path,
      `${entry.kind === "file" ? entry.digest : ""}${(entry.extended?.length ?? 0) > 0 ? JSON.stringify(entry.extended) : ""}`,
    ]),
  );
}
