/** Lists a tree on a machine over its session. */
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { ListedEntry } from "../entry.ts";
import { type EntryTable, EntryTableBuilder } from "../sync/entry-table.ts";
import { ListingDecoder, type ListingProblem, type ListOptions, listCommand } from "../sync/listing.ts";
import { StatListingDecoder, statListCommand } from "../sync/stat-listing.ts";
import type { RemoteSession } from "./session.ts";

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
  const running = await session.exec(
    options.lister === "stat" ? statListCommand(options) : listCommand(options),
    options.signal === undefined ? {} : { signal: options.signal },
  );
  const table = await decodeTable(running.stdout, { what: `the listing of ${session.host}`, ...options });
  const { code, stderr } = await running.exit;
  if (code !== 0 && (code !== 1 || table.length === 0)) {
    throw new AppError(
      "remote-failed",
      `Cannot list ${options.root} on ${session.host}: the listing ended with code ${code}`,
      {
        hint: stderr.trim().slice(-500) || "Nothing more was said.",
      },
    );
  }
  return { table, complaints: stderr.split("\n").filter((line) => line !== "") };
}

type DecodeOptions = Pick<RemoteListOptions, "wanted" | "onCount" | "lister"> & { readonly what: string };

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
  const decoder = options.lister === "stat" ? new StatListingDecoder() : new ListingDecoder();
  const entries = new EntryTableBuilder();
  const wanted = options.wanted ?? (() => true);
  for await (const chunk of stream) {
    const decoded = decoder.write(chunk);
    if (!decoded.ok) {
      throw hostile(options.what, decoded.error);
    }
    for (const listed of decoded.value) {
      // A socket exists as long as somebody listens on it: it is neither copied nor deleted.
      if (listed.entry.kind !== "socket" && wanted(listed.entry.path, listed.entry.kind === "directory")) {
        entries.add(listed);
      }
    }
    options.onCount?.(entries.length);
  }
  const end = decoder.end();
  const sorted = end.ok ? entries.finish() : end;
  if (!sorted.ok) {
    throw hostile(options.what, sorted.error);
  }
  return sorted.value;
}

function hostile(what: string, problem: ListingProblem): AppError {
  const place = problem.path === undefined ? "" : ` at ${problem.path}`;
  return new AppError("hostile", `Cannot use ${what}: ${problem.message}${place}`, {
    hint: "The machine's find or the connection is broken; run the command again.",
  });
}
