/**
 * The server's side of a pull: a node POSTs what it is and how its tree looks, and gets a plan or a bundle. One body serves all:
 *
 *     STATE-BYTES "\n" STATE LISTING
 *
 * STATE is the output of images/update/client/state.sh. LISTING is the output of the command that {@link pullListCommand} answers
 * to the state alone. Nothing is kept between the requests.
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
import type { VersionTable } from "../store/version-table.ts";
import { isAttributeRule } from "../sync/compiled-rule.ts";
import { isDirMerge } from "../sync/filter-rules.ts";
import { listCommand } from "../sync/listing.ts";
import { statListCommand } from "../sync/stat-listing.ts";
import { NodeListing } from "./node-listing.ts";
import { parseNodeState } from "./node-state.ts";
import type { UpdatePlan } from "./plan.ts";
import { type NodeContext, planFor, planSources, updatePrune, updateRules } from "./prepare-plan.ts";
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
  const options = {
    root: node.root,
    prune: updatePrune(node, rules),
    ...listerOf(node.state.tools),
  };
  return options.lister === "stat" ? statListCommand(options) : listCommand(options);
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
  const listed = await decodeTable(reader.stream(), {
    what: `the listing of ${node.host}`,
    ...listerOf(node.state.tools),
  });
  const overrides = await request.overrides?.(node.host);
  const { version, wanted } = await wantedOf(request, overrides);
  const rules = updateRules(node, hasOverrides(overrides) ? wanted : undefined);
  if (rules.rules.some((rule) => isAttributeRule(rule) || isDirMerge(rule))) {
    throw new AppError(
      "bad-input",
      "Rules on attributes and files of rules in directories need questions that a pull does not ask",
      {
        hint: "Push the update: ingot update NODE.",
      },
    );
  }
  const sources = await planSources(request.store, { node, version, ...rules, wanted, overrides });
  return planFor(sources, new NodeListing(listed));
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
  return { host: state.value.hostname, root: "/", state: state.value, options: request.options ?? {} };
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
    while (this.#held.indexOf(10) < 0 && this.#held.length < 32 && (await this.#more())) {
      // until there is a line or too much for one
    }
    const end = this.#held.indexOf(10);
    if (end < 0 || end > 32) {
      return "";
    }
    const line = toLatin1(this.#held.subarray(0, end));
    this.#held = this.#held.subarray(end + 1);
    return line;
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
