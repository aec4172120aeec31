import { AppError } from "../../base/errors.ts";
import { escapePath } from "../../base/path-bytes.ts";
import { startShell } from "../../base/process.ts";
import type { ListedEntry } from "../entry.ts";
import { type EntryTable, EntryTableBuilder } from "../sync/entry-table.ts";
import { ListingDecoder, type ListingProblem, type ListOptions, listCommand } from "../sync/listing.ts";

export interface ScanOptions extends Omit<ListOptions, "root"> {
  readonly signal?: AbortSignal;
}

/**
 * Lists the tree at `root` (an absolute path, latin1), sorted by path, hard links resolved; Ingot's own staging folder is left
 * out. The listing is GNU find's, as on clients: it is as fast as a walk in Node and leaves the event loop free.
 */
export async function scanTable(root: string, options: ScanOptions = {}): Promise<EntryTable> {
  const { signal, ...listOptions } = options;
  const running = startShell(listCommand({ root, ...listOptions }), signal === undefined ? {} : { signal });
  const ended = async () => {
    const exit = await running.exit;
    if (exit.code !== 0) {
      throw new AppError("io", `Cannot list '${escapePath(root)}': ${lastLine(exit.stderr)}`);
    }
  };
  return await readTable(running.stdout, { what: `the listing of '${escapePath(root)}'`, ended });
}

/** As {@link scanTable}, every entry an object of its own: for trees that are known to be small. */
export async function scanTree(root: string, options: ScanOptions = {}): Promise<readonly ListedEntry[]> {
  return [...(await scanTable(root, options))];
}

/**
 * Reads a listing to its end into a table. Throws `hostile` where it breaks its own rules; one that was cut short because its
 * program failed or was stopped breaks them too, so `ended`, which throws then, has the first word.
 */
async function readTable(
  source: AsyncIterable<Uint8Array>,
  { what, ended }: { readonly what: string; readonly ended: () => Promise<void> },
): Promise<EntryTable> {
  const decoder = new ListingDecoder();
  const entries = new EntryTableBuilder();
  for await (const chunk of source) {
    const batch = decoder.write(chunk);
    if (!batch.ok) {
      throw listingError(batch.error, what);
    }
    for (const entry of batch.value) {
      entries.add(entry);
    }
  }
  await ended();
  const end = decoder.end();
  if (!end.ok) {
    throw listingError(end.error, what);
  }
  const sorted = entries.finish();
  if (!sorted.ok) {
    throw listingError(sorted.error, what);
  }
  return sorted.value;
}

function listingError(problem: ListingProblem, what: string): AppError {
  const path = problem.path === undefined ? "" : ` at '${problem.path}'`;
  return new AppError("hostile", `Refused ${what}${path}: ${problem.message}`);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
