/** Lists a tree on a machine over its session. */
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { ListedEntry } from "../entry.ts";
import { type EntryTable, EntryTableBuilder } from "../sync/entry-table.ts";
import { ListingDecoder, type ListingProblem, type ListOptions, listCommand } from "../sync/listing.ts";
import { StatListingDecoder, statListCommand } from "../sync/stat-listing.ts";
import type { RemoteProcess, RemoteSession } from "./session.ts";

export interface RemoteTable {
  /** Sorted by path, hard links resolved. */
  readonly table: EntryTable;
  /** What find said: entries that vanished or could not be read. */
  readonly complaints: readonly string[];
}

export interface RemoteListOptions extends ListOptions {
  /** Entries that are not wanted; hard links are resolved among those that are. */
  readonly wanted?: (path: RelPath, directory: boolean) => boolean;
  readonly onCount?: (count: number) => void;
  readonly signal?: AbortSignal;
}

/** Lists the tree. A directory that vanished meanwhile is a complaint; a listing that was cut short is an error. */
export async function listRemoteTable(
  session: RemoteSession,
  options: RemoteListOptions,
): Promise<RemoteTable> {
  const running = await execList(session, options);
  const what = `the listing of ${session.host}`;
  const table = await decodeTable(running.stdout, { what, ended: running.exit, ...options });
  const { code, stderr } = await running.exit;
  if (code !== 0 && (code !== 1 || table.length === 0)) {
    throw listFailed(session, { root: options.root, code, stderr });
  }
  return { table, complaints: stderr.split("\n").filter((line) => line !== "") };
}

/**
 * Lists a tree, or what of it `newerThan` asks for, an entry at a time, unsorted: of a part of a tree, the directories need not come.
 * What find could not read is not told.
 */
export async function visitRemote(
  session: RemoteSession,
  options: RemoteListOptions & { readonly onEntry: (listed: ListedEntry) => void },
): Promise<void> {
  const running = await execList(session, options);
  const what = `the listing of ${session.host}`;
  for await (const batch of decodeEntries(running.stdout, { what, ended: running.exit, ...options })) {
    batch.forEach(options.onEntry);
  }
  const { code, stderr } = await running.exit;
  if (code > 1) {
    throw listFailed(session, { root: options.root, code, stderr });
  }
}

async function execList(session: RemoteSession, options: RemoteListOptions): Promise<RemoteProcess> {
  return await session.exec(
    options.lister === "stat" ? statListCommand(options) : listCommand(options),
    options.signal === undefined ? {} : { signal: options.signal },
  );
}

function listFailed(
  session: RemoteSession,
  ended: { readonly root: string; readonly code: number; readonly stderr: string },
): AppError {
  return new AppError(
    "remote-failed",
    `Cannot list ${ended.root} on ${session.host}: the listing ended with code ${ended.code}`,
    { hint: ended.stderr.trim().slice(-500) || "Nothing more was said." },
  );
}

interface DecodeOptions extends Pick<RemoteListOptions, "wanted" | "onCount" | "lister"> {
  readonly what: string;
  /** Rejects where the program was stopped or its connection broke: the reason why a listing was cut short. */
  readonly ended?: Promise<unknown>;
}

/** As {@link decodeTable}, every entry an object of its own. */
export async function decodeListing(
  stream: AsyncIterable<Uint8Array>,
  options: DecodeOptions,
): Promise<readonly ListedEntry[]> {
  return [...(await decodeTable(stream, options))];
}

/** Decodes a listing's stream; one that breaks its own rules is `hostile`. */
export async function decodeTable(
  stream: AsyncIterable<Uint8Array>,
  options: DecodeOptions,
): Promise<EntryTable> {
  const entries = new EntryTableBuilder();
  for await (const batch of decodeEntries(stream, options)) {
    for (const listed of batch) {
      entries.add(listed);
    }
    options.onCount?.(entries.length);
  }
  const sorted = entries.finish();
  if (!sorted.ok) {
    throw hostile(options.what, sorted.error);
  }
  return sorted.value;
}

/** The entries that are wanted, as they come. */
async function* decodeEntries(
  stream: AsyncIterable<Uint8Array>,
  options: DecodeOptions,
): AsyncGenerator<readonly ListedEntry[]> {
  const decoder = options.lister === "stat" ? new StatListingDecoder() : new ListingDecoder();
  const wanted = options.wanted ?? (() => true);
  for await (const chunk of stream) {
    const decoded = decoder.write(chunk);
    if (!decoded.ok) {
      throw hostile(options.what, decoded.error);
    }
    // A socket exists as long as somebody listens on it: it is neither copied nor deleted.
    yield decoded.value.filter(
      ({ entry }) => entry.kind !== "socket" && wanted(entry.path, entry.kind === "directory"),
    );
  }
  await options.ended;
  const end = decoder.end();
  if (!end.ok) {
    throw hostile(options.what, end.error);
  }
}

function hostile(what: string, problem: ListingProblem): AppError {
  const place = problem.path === undefined ? "" : ` at ${problem.path}`;
  return new AppError("hostile", `Cannot use ${what}: ${problem.message}${place}`, {
    hint: "The machine's find or the connection is broken; run the command again.",
  });
}
