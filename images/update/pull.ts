/**
 * The server's side of a pull: a node POSTs what it is and how its tree looks, and gets a plan or a bundle. One body serves all:
 *
 *     STATE-BYTES "\n" STATE ANSWERS LISTING
 *
 * STATE is the output of images/update/client/state.sh. ANSWERS and LISTING are the output of the command that {@link pullListCommand}
 * answers to the state alone; there are ANSWERS where rules need more than a listing (images/update/pull-answers.ts). Nothing is kept between the requests.
 */
import { toLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { escapePath, type RelPath } from "../../base/path-bytes.ts";
import type { ShellText } from "../../base/posix-quote.ts";
import { formatByteSize } from "../../base/quantity.ts";
import { listerOf } from "../capture/tool-limits.ts";
import type { VersionId } from "../manifest.ts";
import { hasOverrides, type Overrides, overlaidReader } from "../overlay/overlaid-reader.ts";
import { decodeTable } from "../remote/list.ts";
import type { VersionReader } from "../store/store.ts";
import type { VersionTable } from "../store/version-table.ts";
import type { ResolvedRule } from "../sync/actions.ts";
import { PlaceSet } from "../sync/columns.ts";
import { isAttributeRule } from "../sync/compiled-rule.ts";
import { type RuleFiles, withDirectoryRules } from "../sync/dir-merge.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import { listCommand } from "../sync/listing.ts";
import { readNamedFiles } from "../sync/rule-file-names.ts";
import { statListCommand } from "../sync/stat-listing.ts";
import { filesOfVersion } from "./directory-rules.ts";
import { NodeListing } from "./node-listing.ts";
import { parseNodeState } from "./node-state.ts";
import type { UpdatePlan } from "./plan.ts";
import {
  type NodeContext,
  planFor,
  planSources,
  refuseWithoutAttributes,
  updateRules,
} from "./prepare-plan.ts";
import { answersCommand, type Needs, needsOf, pullPrune, readAnswers } from "./pull-answers.ts";
import { withAttributes } from "./questions.ts";
import type { ListingRequest } from "./request.ts";

/** HTTP endpoints for nodes that update themselves; all POST, query: image, version, directory, no-delete, no-bootloader. */
export const pullEndpoints = {
  /** Body: the state. Answer: text/plain, the shell command that lists the node. */
  list: "/client/update/list",
  /** Body: as above. Answer: text/plain, {@link showPlan}. */
  plan: "/client/update/plan",
  /** Body: as above. Answer: application/octet-stream, the bundle. */
  bundle: "/client/update/bundle",
} as const;

const stateLimit = 16 * 1024 * 1024;

/** Answers the command by which the node lists itself, from its state. */
export async function pullListCommand(request: ListingRequest): Promise<ShellText> {
  const reader = new PrefixReader(request.body);
  const node = nodeOf(request, toLatin1(await reader.rest(stateLimit)));
  const overrides = await request.overrides?.(node.host);
  const over = hasOverrides(overrides) ? (await wantedOf(request, overrides)).wanted : undefined;
  const { rules } = updateRules(node, over);
  const needs = needsOf(rules, node);
  if (needs?.attributes === true) {
    refuseWithoutAttributes(node);
  }
  const prune = pullPrune(node, rules);
  const options = { root: node.root, prune, ...listerOf(node.state.tools) };
  const listing = options.lister === "stat" ? statListCommand(options) : listCommand(options);
  return needs === undefined
    ? listing
    : (`${answersCommand(node, { ...needs, prune })}${listing}` as ShellText);
}

/** Plans for a node that sent its state and listing. */
export async function planFromListing(request: ListingRequest): Promise<UpdatePlan> {
  const reader = new PrefixReader(request.body);
  const size = Number(await reader.line());
  if (!Number.isSafeInteger(size) || size <= 0 || size > stateLimit) {
    throw new AppError("hostile", "The request does not start with the size of the node's state", {
      hint: "Update si_updateclient on the node from this server.",
    });
  }
  const node = nodeOf(request, toLatin1(await reader.bytes(size)));
  const overrides = await request.overrides?.(node.host);
  const { version, wanted } = await wantedOf(request, overrides);
  const { rules: named, leftAlone } = updateRules(node, hasOverrides(overrides) ? wanted : undefined);
  const needs = needsOf(named, node);
  const answers = needs === undefined ? undefined : await readAnswers(reader, needs, node.host);
  const table = await decodeTable(reader.stream(), {
    what: `the listing of ${node.host}`,
    ...listerOf(node.state.tools),
  });
  const store = overlaidReader(request.store, overrides);
  const rules =
    answers === undefined || needs === undefined
      ? named
      : await rulesWithAnswers(named, { ...answers, needs, node, store, version, wanted });
  const sources = await planSources(request.store, { node, version, rules, leftAlone, wanted, overrides });
  const listed = new NodeListing(table);
  return planFor(
    sources,
    answers === undefined || needs?.attributes !== true
      ? listed
      : withAttributes(listed, {
          version: wanted,
          asked: everyPlace(table),
          found: answers.attributes,
          rules,
        }),
  );
}

function everyPlace(table: EntryTable): PlaceSet {
  const places = new PlaceSet(table.length);
  for (let place = 0; place < table.length; place++) {
    places.add(place);
  }
  return places;
}

/** The rules with those of the files in directories, of the version and of the node. What these ask for beyond it is refused by name. */
async function rulesWithAnswers(
  named: readonly ResolvedRule[],
  context: {
    readonly files: RuleFiles;
    readonly needs: Needs;
    readonly node: NodeContext;
    readonly store: VersionReader;
    readonly version: VersionId;
    readonly wanted: VersionTable;
  },
): Promise<readonly ResolvedRule[]> {
  const { files, needs, node, store, version, wanted } = context;
  const hint = `Push the update (ingot update ${node.host}), which can ask for it, or name it in a rule of the node's list.`;
  const source = await readNamedFiles(needs.names, (names) =>
    filesOfVersion(store, { version, reading: Promise.resolve(wanted), names }),
  );
  const target = await readNamedFiles(needs.names, (names) => {
    const [more] = [...names].filter((name) => !needs.names.has(name));
    if (more !== undefined) {
      throw new AppError(
        "bad-input",
        `A file of rules on ${node.host} names others to look for, '${more}', which a pull does not`,
        { hint },
      );
    }
    return Promise.resolve(files);
  });
  const resolved = withDirectoryRules(named, { source, target });
  if (!resolved.ok) {
    throw new AppError("bad-input", `Rule at ${resolved.error.origin}: ${resolved.error.message}`);
  }
  const ruled = needs.attributes ? undefined : resolved.value.find(isAttributeRule);
  if (ruled !== undefined) {
    throw new AppError(
      "bad-input",
      `Rule '${ruled.text}' at ${ruled.origin} is about attributes, which a pull asks for only where the node's list or its profiles have such a rule`,
      { hint: `Push the update (ingot update ${node.host}), or put the rule into the node's list.` },
    );
  }
  return resolved.value;
}

/** The version and its entries, with what lies over it. */
async function wantedOf(
  request: ListingRequest,
  overrides: Overrides | undefined,
): Promise<{ readonly version: VersionId; readonly wanted: VersionTable }> {
  const manifest = await request.store.resolve({
    image: request.image,
    ...(request.version === undefined ? {} : { number: request.version }),
  });
  const version = { image: manifest.image, number: manifest.number };
  return { version, wanted: await overlaidReader(request.store, overrides).table(version) };
}

/** A plan for people: one line an action, then a summary. The first line says the version, for the request of the bundle. */
export function showPlan(plan: UpdatePlan): string {
  const sourceOf = (path: RelPath) => {
    const name = plan.sources.get(path);
    return name === undefined ? "" : `  override ${name}`;
  };
  const lines = [...plan.actions].map((action) =>
    action.kind === "delete"
      ? `delete    /${escapePath(action.path)}`
      : `${action.kind.padEnd(9)} /${escapePath(action.entry.path)}  (${action.changes.join(", ")})${sourceOf(action.entry.path)}`,
  );
  const { write, metadata, delete: deleted, bytes } = plan.summary;
  return [
    `version ${plan.version}`,
    ...lines,
    ...plan.notes.map((note) => `note: ${note}`),
    `${plan.image}@${plan.version}: ${write} to write (${formatByteSize(bytes)}), ${metadata} to adjust, ${deleted} to delete`,
    "",
  ].join("\n");
}

function nodeOf(request: ListingRequest, text: string): NodeContext {
  const state = parseNodeState(text);
  if (!state.ok) {
    throw new AppError("hostile", `Cannot use what the node says of itself: ${state.error}`);
  }
  const { root = "/", options = {} } = request;
  return { host: state.value.hostname, root, state: state.value, options };
}

/** Takes a head off a stream and leaves the rest as a stream. */
class PrefixReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Up to the next newline, at most 32 characters. */
  async line(): Promise<string> {
    return toLatin1((await this.until(10, 32)) ?? new Uint8Array(0));
  }

  /** Up to the next such byte, which is taken too; undefined where there is none within `limit` bytes. */
  async until(byte: number, limit: number): Promise<Uint8Array | undefined> {
    let end = this.#held.indexOf(byte);
    for (let from = 0; end < 0 && this.#held.length < limit; end = this.#held.indexOf(byte, from)) {
      from = this.#held.length;
      if (!(await this.#more())) {
        return undefined;
      }
    }
    if (end < 0 || end > limit) {
      return undefined;
    }
    const bytes = this.#held.subarray(0, end);
    this.#held = this.#held.subarray(end + 1);
    return bytes;
  }

  async bytes(length: number): Promise<Uint8Array> {
    while (this.#held.length < length && (await this.#more())) {
      // until there is enough
    }
    if (this.#held.length < length) {
      throw new AppError("hostile", "The node's request was cut short");
    }
    const bytes = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return bytes;
  }

  async rest(limit: number): Promise<Uint8Array> {
    while (this.#held.length <= limit && (await this.#more())) {
      // until the end
    }
    if (this.#held.length > limit) {
      throw new AppError("hostile", `The node's state is over ${limit} bytes`);
    }
    return this.#held;
  }

  async *stream(): AsyncGenerator<Uint8Array> {
    yield this.#held;
    for (let step = await this.#source.next(); step.done !== true; step = await this.#source.next()) {
      yield step.value;
    }
  }

  async #more(): Promise<boolean> {
    const step = await this.#source.next();
    if (step.done === true) {
      return false;
    }
    const joined = new Uint8Array(this.#held.length + step.value.length);
    joined.set(this.#held);
    joined.set(step.value, this.#held.length);
    this.#held = joined;
    return true;
  }
}
