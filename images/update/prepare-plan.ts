/** Gathers what planning an update needs: rules, the version's entries, what the node had before. The same for push and pull. */
import { AppError } from "../../base/errors.ts";
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import { mountsBelow } from "../capture/mounts.ts";
import { joinRules } from "../capture/rules.ts";
import { lostInUpdate, missingTools } from "../capture/tool-limits.ts";
import { formatVersion, type VersionId, type VersionRef } from "../manifest.ts";
import { type Overrides, overlaidReader } from "../overlay/overlaid-reader.ts";
import type { VersionReader } from "../store/store.ts";
import type { VersionTable } from "../store/version-table.ts";
import type { ResolvedRule } from "../sync/actions.ts";
import { attributeSelection } from "../sync/attribute-rules.ts";
import { capturePrune } from "../sync/exclude.ts";
import type { Prune } from "../sync/listing.ts";
import { defaultProfiles } from "../sync/profiles.ts";
import { placesIn } from "../sync/same-rows.ts";
import { dialectOf, keeperOf } from "./keeping.ts";
import type { NodeListing } from "./node-listing.ts";
import { mountRules, type NodeState } from "./node-state.ts";
import { withOverrides } from "./override-rules.ts";
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

/** All rules of an update, the first match decides, and what they leave alone of overrides; refuses a node that cannot be updated. */
export function updateRules(
  node: NodeContext,
  wanted?: VersionTable,
): { readonly rules: readonly ResolvedRule[]; readonly leftAlone: readonly string[] } {
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
  if (wanted === undefined) {
    return { rules: rules.value, leftAlone: [] };
  }
  const all = withOverrides(rules.value, wanted);
  return { rules: all.rules, leftAlone: all.notes };
}

/** Throws `missing-tool` for a node that cannot say which attributes it has, as rules on them need. */
export function refuseWithoutAttributes({ state, host }: NodeContext): void {
  if (!state.programs.has("getfattr")) {
    throw new AppError(
      "missing-tool",
      `Rules on extended attributes cannot be followed on ${host}: it has no getfattr to say what it has`,
      { hint: "Install the package attr there, or leave out the rules with the modifier x." },
    );
  }
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
  /** What lies over the version in `wanted`. */
  readonly overrides?: Overrides | undefined;
  readonly rules: readonly ResolvedRule[];
  /** What the rules leave alone of overrides, for people. */
  readonly leftAlone: readonly string[];
  readonly directory: RelPath;
  readonly wanted: VersionTable;
  readonly suspicion: Suspicion;
}

/** Gathers it and refuses what would be no update. */
export async function planSources(
  store: VersionReader,
  input: Pick<PlanSources, "node" | "version" | "rules" | "leftAlone" | "wanted" | "overrides">,
): Promise<PlanSources> {
  const { node, version, wanted, overrides } = input;
  if (wanted.length < 2) {
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
  const changedBefore = await changesSince(store, { state: node.state, version, wanted, overrides });
  const { synced } = node.state;
  return {
    ...input,
    directory: directory.value,
    suspicion: {
      ...(changedBefore === undefined ? {} : { changedBefore }),
      ...(synced === undefined ? {} : { syncedAt: synced.at }),
      attributesRuled: attributeSelection(input.rules) !== undefined,
    },
  };
}

/** Plans with the node's listing in hand. */
export function planFor(sources: PlanSources, node: NodeListing): UpdatePlan {
  const { options, state } = sources.node;
  const plan = planUpdate({
    image: sources.version.image,
    version: sources.version.number,
    overrides: sources.overrides?.versions ?? [],
    wanted: sources.wanted,
    node,
    ...keeperOf(state.tools),
    rules: sources.rules,
    directory: sources.directory,
    noDelete: options.noDelete === true,
    overridesOnly: options.overridesOnly === true,
    noBootloader: options.noBootloader === true,
    bootStepsDue: state.bootStepsDue,
    ...sources.suspicion,
  });
  const dialect = dialectOf(state.tools);
  return {
    ...plan,
    ...(dialect === undefined ? {} : { dialect }),
    notes: [
      ...plan.notes,
      ...sources.leftAlone,
      ...(plan.actions.length === 0 ? [] : lostInUpdate(state.tools)),
    ],
  };
}

/** Tells whether an entry's attributes or content differ from those in the version that the node has. */
async function changesSince(
  store: VersionReader,
  input: {
    readonly state: NodeState;
    readonly version: VersionId;
    readonly wanted: VersionTable;
    readonly overrides: Overrides | undefined;
  },
): Promise<((place: number) => boolean) | undefined> {
  const { version, wanted, overrides } = input;
  const { synced } = input.state;
  const over = overrides?.versions ?? [];
  if (synced === undefined || (isVersion(synced.ref, version) && sameVersions(synced.overrides, over))) {
    return undefined;
  }
  const before = await tableBefore(store, synced, overrides).catch(() => undefined);
  if (before === undefined) {
    return (place) => (wanted.extendedAt(place)?.length ?? 0) > 0 || wanted.fromAt(place) !== undefined;
  }
  const places = placesIn(before.table, wanted.table);
  return (place) => {
    const known = places[place] ?? -1;
    return known < 0 || !wanted.sameHidden(place, before, known);
  };
}

/** What the node says that it was brought to, with what lay over it then. Overrides of others' are not looked into for it. */
async function tableBefore(
  store: VersionReader,
  said: { readonly ref: VersionRef; readonly overrides: readonly VersionId[] },
  overrides: Overrides | undefined,
): Promise<VersionTable | undefined> {
  const images = new Set(said.overrides.map(({ image }) => image));
  const isOwn =
    images.size === said.overrides.length && [...images].every((name) => overrides?.names.has(name));
  return isOwn
    ? await overlaidReader(store, overrides && { ...overrides, versions: said.overrides }).table(
        await knownVersion(store, said.ref),
      )
    : undefined;
}

function isVersion(ref: VersionRef, version: VersionId): boolean {
  return ref.image === version.image && ref.number === version.number;
}

/** Whether the same overrides lie over a version, in the same order. */
export function sameVersions(one: readonly VersionId[], other: readonly VersionId[]): boolean {
  return one.map(formatVersion).join() === other.map(formatVersion).join();
}

async function knownVersion(store: VersionReader, ref: VersionRef): Promise<VersionId> {
  const manifest = await store.resolve(ref);
  return { image: manifest.image, number: manifest.number };
}
