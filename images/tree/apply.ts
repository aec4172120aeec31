/**
 * Carries out a plan on a local tree. Content is staged in a folder at the tree's root, synced, and renamed into place;
 * directories get their metadata last, after the deletions. Whenever it is cut, every file is whole, old or new, and a rerun
 * plans and does what is left. A tree that is empty is unpacked into directly: nothing old is there to be kept whole.
 */
import { mkdirSync } from "node:fs";
import { AppError } from "../../base/errors.ts";
import { joinPath, type RelPath, rootPath } from "../../base/path-bytes.ts";
import type { ProgressSink } from "../../base/ports.ts";
import { runProcess } from "../../base/process.ts";
import type { FileEntry } from "../entry.ts";
import type { SyncAction } from "../sync/actions.ts";
import type { AttributeSelection } from "../sync/attribute-rules.ts";
import { stagingName } from "../sync/listing.ts";
import { isStreamed } from "../sync/plan.ts";
import { Commit } from "./commit.ts";
import type { Received } from "./member-table.ts";
import { clearExtended } from "./metadata.ts";
import { parentIsIn, receiveTar, stagedName, type TarSender } from "./receive.ts";
import { TreeRoot } from "./root.ts";

export interface ApplyOptions {
  /** Absolute path of the tree (latin1). Made if it is not there. */
  readonly root: string;
  /** Directories before what is in them, links after what they link to, deletions last. Iterated several times. */
  readonly actions: Iterable<SyncAction>;
  /** Members for exactly the streamed writes (see `isStreamed`), in the actions' order; vanished ones may be left out. */
  readonly tar: AsyncIterable<Uint8Array>;
  /** Called when the stream has ended and before anything is renamed into place: members named here are dropped as torn. */
  readonly afterStream?: () => Promise<{ readonly torn: readonly RelPath[] }>;
  /** Called in the actions' order for each entry that was written from the stream, with digest (files) and extended attributes. */
  readonly onEntry?: (entry: FileEntry) => void;
  /** Digest the content of files that no digest is planned for; true unless told. Who reads it all again need not have it twice. */
  readonly digests?: boolean;
  /** What sends is less than a GNU tar of today. */
  readonly sender?: TarSender;
  /** Of the attributes of what comes, those that are taken. */
  readonly attributes?: AttributeSelection | undefined;
  readonly onProgress?: ProgressSink;
  /** Sync to disk before renaming; true unless told. */
  readonly durable?: boolean;
  readonly signal?: AbortSignal;
}

export interface ApplyResult {
  readonly written: number;
  readonly metadata: number;
  readonly deleted: number;
  /** Content bytes received. */
  readonly bytes: number;
  /** Changed while or before they were read, or not as the plan's digest says: not stored; list again and make another pass. */
  readonly torn: readonly RelPath[];
  /** Asked for and not sent. */
  readonly vanished: readonly RelPath[];
  /** Directories that stay because something excluded is in them, and entries that could not take such a directory's place. */
  readonly kept: readonly RelPath[];
}

/** Applies a plan. Two applies on one tree at a time are the caller's mistake. */
export async function applyToTree(options: ApplyOptions): Promise<ApplyResult> {
  return await carryOut(options, (root, direct) =>
    direct ? receiveDirect(root, options) : receiveStaged(root, options),
  );
}

/** As {@link applyToTree}, of a tree that is not empty; `make` makes the files in the staging folder, under their staged names. */
export async function applyMade(
  options: Omit<ApplyOptions, "tar" | "digests" | "sender" | "onProgress">,
  make: (root: TreeRoot) => Promise<Received>,
): Promise<ApplyResult> {
  return await carryOut(options, make);
}

async function carryOut(
  options: Omit<ApplyOptions, "tar"> & Partial<Pick<ApplyOptions, "tar">>,
  receive: (root: TreeRoot, direct: boolean) => Promise<Received>,
): Promise<ApplyResult> {
  mkdirSync(Buffer.from(options.root, "latin1"), { recursive: true, mode: 0o700 });
  const root = new TreeRoot(options.root);
  try {
    if (isEmpty(options.actions) && root.lstat(stagingName) === undefined) {
      // A staging folder that comes and goes would leave the root changed.
      await options.tar?.[Symbol.asyncIterator]().return?.();
      return { written: 0, metadata: 0, deleted: 0, bytes: 0, torn: [], vanished: [], kept: [] };
    }
    const rootTime = root.lstat(rootPath)?.mtime;
    root.removeAll(stagingName);
    const direct = root.names(rootPath).length === 0;
    root.mkdir(stagingName, 0o700);
    // A default ACL of the folder around would be handed down to everything that is staged.
    await clearExtended(root, direct ? [rootPath, stagingName] : [stagingName]);
    const received = await receive(root, direct);
    await dropTorn(options, received);
    if (options.durable !== false) {
      await syncFilesystem(options.root);
    }
    const commit = new Commit({ ...options, root, received, direct, rootTime });
    const result = await commit.run();
    if (options.durable !== false) {
      await syncFilesystem(options.root);
    }
    return { ...result, bytes: received.bytes };
  } catch (error) {
    removeQuietly(root);
    throw error;
  } finally {
    root.close();
  }
}

function isEmpty(actions: Iterable<SyncAction>): boolean {
  return actions[Symbol.iterator]().next().done === true;
}

async function receiveStaged(root: TreeRoot, options: ApplyOptions): Promise<Received> {
  // Made here: two GNU tars that both miss a folder and both make it can each take the other's success for a failure.
  const folders = new Set<string>();
  const makeFolder = (name: string) => {
    const folder = name.slice(0, name.indexOf("/"));
    if (!folders.has(folder)) {
      folders.add(folder);
      root.mkdir(joinPath(stagingName, folder), 0o700);
    }
  };
  return await receiveTar({
    ...streamOptions(options),
    directory: `${options.root}/${stagingName}`,
    nameOf: (_entry, ordinal) => {
      const name = stagedName(ordinal);
      makeFolder(name);
      return name;
    },
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  });
}

/** Unpacks under the real names. A member is taken only into a directory that was made here before, so no symlink is ever crossed. */
async function receiveDirect(root: TreeRoot, options: ApplyOptions): Promise<Received> {
  const made = new Set<RelPath>();
  const isSafe = (path: RelPath) => path !== stagingName && parentIsIn(path, made);
  return await receiveTar({
    ...streamOptions(options),
    directory: options.root,
    underOwnName: isSafe,
    onDirectory: (entry) => {
      if (entry.path !== "" && parentIsIn(entry.path, made)) {
        root.mkdir(entry.path, 0o700);
        made.add(entry.path);
      }
    },
    nameOf: (entry) => (isSafe(entry.path) ? `./${entry.path}` : undefined),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  });
}

function streamOptions(options: ApplyOptions) {
  const { actions, tar, signal, sender, attributes } = options;
  return {
    actions,
    tar,
    digests: options.digests !== false,
    attributes,
    ...(sender === undefined ? {} : { sender }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** Takes out what the sender says it could not read in one piece. */
async function dropTorn(
  options: Pick<ApplyOptions, "actions" | "afterStream">,
  received: Received,
): Promise<void> {
  const told = await options.afterStream?.();
  if (told === undefined || told.torn.length === 0) {
    return;
  }
  const torn = new Set(told.torn);
  let ordinal = 0;
  for (const action of options.actions) {
    if (!isStreamed(action)) {
      continue;
    }
    if (action.kind === "write" && action.entry.kind === "file" && torn.has(action.entry.path)) {
      received.markTorn(ordinal);
    }
    ordinal += 1;
  }
}

async function syncFilesystem(path: string): Promise<void> {
  const { code, stderr } = await runProcess(["sync", "-f", path]);
  if (code !== 0) {
    throw new AppError("io", `Cannot write to disk: ${stderr.trim()}`);
  }
}

function removeQuietly(root: TreeRoot): void {
  try {
    root.removeAll(stagingName);
  } catch {
    // The error that brought us here is the one to tell; the next run clears the staging.
  }
}
