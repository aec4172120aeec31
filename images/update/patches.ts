/** Finds which blocks of large changed files a node lacks, by digests of both sides. */
import { bothOf } from "../../base/async.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { type BlockRun, blockRuns, blockSize, findTime } from "../capture/block-plan.ts";
import type { FileEntryRegular, ListedEntry } from "../entry.ts";
import type { VersionId } from "../manifest.ts";
import type { DigestProgram } from "../remote/block-digests.ts";
import { digestOf, proofOf } from "../remote/block-hash.ts";
import { blockDigests, type DigestedFile } from "../remote/digests.ts";
import { contentName } from "../remote/known-blocks.ts";
import type { RemoteSession } from "../remote/session.ts";
import type { VersionReader } from "../store/store.ts";
import type { VersionTable } from "../store/version-table.ts";
import type { NodeListing } from "./node-listing.ts";
import type { FilePatch, UpdatePlan } from "./plan.ts";
import { versionBlocks } from "./version-blocks.ts";

/** Smaller files cost less to send than to ask about. */
const askFrom = 1024 * 1024;

export interface PatchContext {
  readonly session: RemoteSession;
  readonly store: VersionReader;
  readonly version: VersionId;
  readonly table: VersionTable;
  readonly root: string;
  readonly program: DigestProgram;
  readonly node: NodeListing;
  /** False where the node cannot show that a file's attributes were copied. */
  readonly readsAttributes: boolean;
  readonly signal?: AbortSignal;
}

export interface FoundPatches {
  readonly patches: ReadonlyMap<RelPath, FilePatch>;
  /** Files of the node that hold what they should already, with its digest. */
  readonly same: ReadonlyMap<RelPath, string>;
}

/** Finds which blocks of the plan's large files the node lacks. Files that it cannot tell about go whole. */
export async function findPatches(plan: UpdatePlan, context: PatchContext): Promise<FoundPatches> {
  const files = blockedFiles(plan, context);
  const patches = new Map<RelPath, FilePatch>();
  const same = new Map<RelPath, string>();
  if (files.length === 0) {
    return { patches, same };
  }
  const [standing, wanted] = await bothOf(
    blockDigests(context.session, {
      root: context.root,
      files: files.map((file) => file.standing),
      program: context.program,
      ...(context.signal === undefined ? {} : { signal: context.signal }),
    }),
    versionDigests(files, context),
  );
  for (const [index, { entry, standing: file }] of files.entries()) {
    const [theirs, ours] = [standing[index], wanted.get(entry.path)];
    if (theirs === undefined || ours === undefined) {
      continue;
    }
    const runs = blockRuns(ours, theirs).filter((run) => run.from === "client");
    const bytes = runs.reduce((sum, run) => sum + runBytes(run, entry.size, file.block), 0);
    if (bytes < entry.size) {
      const { block, path: base, seen } = file;
      const { program } = context;
      patches.set(entry.path, { block, base, seen, program, proof: proofOf(ours), runs, bytes });
      if (bytes === 0 && file.size === entry.size && entry.digest !== undefined) {
        same.set(base, entry.digest);
      }
    }
  }
  return { patches, same };
}

/** A large file of the plan of which the node has an older one. */
export interface BlockedFile {
  readonly entry: FileEntryRegular;
  readonly standing: DigestedFile & { readonly seen: string };
}

/** The files that {@link findPatches} looks at. */
export function blockedFiles(
  plan: UpdatePlan,
  context: Pick<PatchContext, "node" | "program" | "readsAttributes">,
): readonly BlockedFile[] {
  const files: BlockedFile[] = [];
  for (const action of plan.actions) {
    if (action.kind !== "write" || action.entry.kind !== "file" || action.entry.size < askFrom) {
      continue;
    }
    const { entry } = action;
    const standing = plan.copies.has(entry.path) ? undefined : context.node.standingFile(entry.path);
    const attributes = (entry.extended?.length ?? 0) > 0;
    // A file with holes goes as it is: the holes are in the archive.
    if (
      (context.readsAttributes || !attributes) &&
      standing?.entry.kind === "file" &&
      standing.entry.size >= askFrom &&
      standing.allocated >= standing.entry.size
    ) {
      const { path, size } = standing.entry;
      const seen = seenWord(standing, context.program);
      files.push({ entry, standing: { path, size, block: blockSize(entry.size), seen } });
    }
  }
  return files;
}

/** Without b2sum there is no sync for a single file either, and then a file's time does not tell all that happens to it. */
function seenWord(standing: ListedEntry, program: DigestProgram): string {
  return program === "b2sum" && standing.entry.kind === "file"
    ? `${standing.inode} ${findTime(standing.ctime)} ${standing.entry.size}`
    : "";
}

/** Block digests of the version's files: those that are known, or made now; files with holes are left out. */
async function versionDigests(
  files: readonly BlockedFile[],
  context: PatchContext,
): Promise<ReadonlyMap<RelPath, readonly string[]>> {
  const { blocks } = context.store;
  const digests = new Map<RelPath, readonly string[]>();
  const unknown = new Map<RelPath, { readonly file: BlockedFile; readonly list: string[] }>();
  for (const file of files) {
    const { entry, standing } = file;
    const division = { block: standing.block, program: context.program };
    const known = entry.digest === undefined ? undefined : blocks.get(contentName(entry.digest), division);
    if (known === undefined) {
      unknown.set(entry.path, { file, list: [] });
    } else {
      digests.set(entry.path, known);
    }
  }
  if (unknown.size === 0) {
    return digests;
  }
  const wanted = [...unknown.values()].map(({ file }) => [file.entry.path, file.standing.block] as const);
  for await (const [path, bytes] of versionBlocks(wanted, context)) {
    unknown.get(path)?.list.push(digestOf(context.program, bytes));
  }
  for (const [path, { file, list }] of unknown) {
    const { entry, standing } = file;
    if (list.length > 0) {
      digests.set(path, list);
    }
    if (entry.digest !== undefined && list.length === Math.ceil(entry.size / standing.block)) {
      blocks.set(contentName(entry.digest), { block: standing.block, program: context.program }, list);
    }
  }
  return digests;
}

function runBytes(run: BlockRun, size: number, block: number): number {
  return Math.min(size, (run.first + run.count) * block) - run.first * block;
}
