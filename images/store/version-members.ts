/** Single members of a version: for updates, drift repair and a look into a file. */
import { AppError } from "../../base/errors.ts";
import { escapePath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import { formatVersion, type Manifest, type VersionRef } from "../manifest.ts";
import { endOfArchive } from "../tar/encode.ts";
import type { StoreContext } from "./context.ts";
import type { StoredEntry } from "./entry-line.ts";
import { contentOf, encodeStored } from "./member-encoder.ts";
import { entryWithDigest, type OpenVersion, openVersion, storedEntries } from "./open-version.ts";
import { PackReader } from "./pack-reader.ts";
import type { MembersOptions } from "./store.ts";
import { inStoredOrder } from "./stored-order.ts";
import { type VersionTable, VersionTableBuilder, type VersionTableOptions } from "./version-table.ts";
import { WantedMembers } from "./wanted-members.ts";

/** Every entry of a version, complete. */
export async function* versionEntries(context: StoreContext, ref: VersionRef): AsyncGenerator<FileEntry> {
  const version = await openVersion(context, ref);
  try {
    for await (const batch of storedEntries(version)) {
      for (const stored of batch) {
        yield entryWithDigest(stored, version);
      }
    }
  } finally {
    await version.close();
  }
}

/** Every entry of a version as a table. */
export async function versionTable(context: StoreContext, ref: VersionRef): Promise<VersionTable> {
  const version = await openVersion(context, ref);
  try {
    return await tableOf(version);
  } finally {
    await version.close();
  }
}

/** Every entry of an open version as a table. */
export async function tableOf(
  version: OpenVersion,
  options: VersionTableOptions & { readonly signal?: AbortSignal } = {},
): Promise<VersionTable> {
  const table = new VersionTableBuilder(
    version.manifest,
    version.packs.map((pack) => pack.index),
    options,
  );
  for await (const batch of storedEntries(version, options)) {
    batch.forEach((stored) => {
      table.add(stored);
    });
  }
  return table.finish();
}

/** An uncompressed tar of the members of these paths. */
export async function* versionMembers(
  context: StoreContext,
  request: MembersOptions & { readonly ref: VersionRef; readonly paths: Iterable<RelPath> },
): AsyncGenerator<Uint8Array> {
  const { signal, onRead } = request;
  const waiting = signal === undefined ? {} : { signal };
  const version = await openVersion(context, request.ref);
  try {
    if (request.order === "stored") {
      const wanted = await wantedMembers(version, request);
      yield* inStoredOrder(version, wanted, { ...waiting, ...(onRead === undefined ? {} : { onRead }) });
    } else {
      const paths = [...request.paths];
      const found = await find(version, paths, request.table);
      const entries = paths.map((path) => mustHave(found.get(path), { path, version }));
      const reader = new PackReader(waiting);
      for (const stored of entries) {
        signal?.throwIfAborted();
        yield* encodeStored(stored, { version, reader });
      }
    }
    if (request.continues !== true) {
      yield endOfArchive;
    }
  } finally {
    await version.close();
  }
}

async function wantedMembers(
  version: OpenVersion,
  request: { readonly paths: Iterable<RelPath>; readonly table?: VersionTable },
): Promise<WantedMembers> {
  const known = request.table;
  const all =
    known !== undefined && isSame(known.manifest, version.manifest) ? known : await tableOf(version);
  return new WantedMembers(
    all,
    version.packs.map((pack) => pack.index),
    placesOf(all, { paths: request.paths, version }),
  );
}

/** The places of paths, which mostly come in path order. */
function* placesOf(
  { table }: VersionTable,
  wanted: { readonly paths: Iterable<RelPath>; readonly version: OpenVersion },
): Generator<number> {
  let near = 0;
  for (const path of wanted.paths) {
    const place = table.indexOf(path, near);
    near = mustHave(place < 0 ? undefined : place, { path, version: wanted.version });
    yield near;
  }
}

/** The content of one file, holes filled in. */
export async function readVersionFile(
  context: StoreContext,
  request: { readonly ref: VersionRef; readonly path: RelPath; readonly limit: number },
): Promise<Uint8Array> {
  const version = await openVersion(context, request.ref);
  try {
    let stored = mustHave((await find(version, [request.path])).get(request.path), {
      path: request.path,
      version,
    });
    if (stored.entry.kind === "hardlink") {
      const path = stored.entry.target;
      stored = mustHave((await find(version, [path])).get(path), { path, version });
    }
    const { entry } = stored;
    const name = `'${escapePath(request.path)}' of ${formatVersion(version.manifest)}`;
    if (entry.kind !== "file") {
      throw new AppError("refused", `Cannot read ${name}: it is a ${entry.kind}`);
    }
    if (entry.size > request.limit) {
      throw new AppError("refused", `Cannot read ${name}: it has ${entry.size} bytes, over ${request.limit}`);
    }
    return entry.size === 0 ? new Uint8Array(0) : await whole(stored, version);
  } finally {
    await version.close();
  }
}

async function whole(stored: StoredEntry, version: OpenVersion): Promise<Uint8Array> {
  const content = await contentOf(stored, { version, reader: new PackReader() });
  const data = new Uint8Array(content.dataLength);
  let length = 0;
  for await (const bytes of content.data) {
    data.set(bytes, length);
    length += bytes.length;
  }
  if (content.sparse === undefined) {
    return data;
  }
  const filled = new Uint8Array(content.sparse.realSize);
  let at = 0;
  for (const segment of content.sparse.segments) {
    filled.set(data.subarray(at, at + segment.length), segment.offset);
    at += segment.length;
  }
  return filled;
}

async function find(
  version: OpenVersion,
  paths: readonly RelPath[],
  table?: VersionTable,
): Promise<ReadonlyMap<RelPath, StoredEntry>> {
  const found = new Map<RelPath, StoredEntry>();
  if (table !== undefined && isSame(table.manifest, version.manifest)) {
    for (const path of paths) {
      const place = table.table.indexOf(path);
      if (place >= 0) {
        found.set(path, table.storedAt(place));
      }
    }
    return found;
  }
  const wanted = new Set(paths);
  for await (const batch of storedEntries(version)) {
    for (const stored of batch) {
      if (wanted.has(stored.entry.path)) {
        found.set(stored.entry.path, stored);
      }
    }
  }
  return found;
}

/** Whether both are the same version: an image may have been removed and made again meanwhile. */
function isSame(a: Manifest, b: Manifest): boolean {
  return a.created === b.created && a.packs.join() === b.packs.join();
}

function mustHave<Found>(
  found: Found | undefined,
  wanted: { readonly path: RelPath; readonly version: OpenVersion },
): Found {
  if (found === undefined) {
    const version = formatVersion(wanted.version.manifest);
    throw new AppError("not-found", `Version ${version} has no '${escapePath(wanted.path)}'`);
  }
  return found;
}
