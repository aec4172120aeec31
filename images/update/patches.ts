/** Finds which blocks of large changed files a node lacks, by digests of both sides. */
import { bothOf } from "../../base/async.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { type BlockRun, blockRuns, blockSize } from "../capture/block-plan.ts";
import type { FileEntryRegular } from "../entry.ts";
import type { VersionId } from "../manifest.ts";
import type { DigestProgram } from "../remote/block-digests.ts";
import { digestOf, proofOf } from "../remote/block-hash.ts";
import { blockDigests, type DigestedFile } from "../remote/digests.ts";
import type { RemoteSession } from "../remote/session.ts";
import type { VersionReader } from "../store/store.ts";
import type { VersionTable } from "../store/version-table.ts";
import type { NodeListing } from "./node-listing.ts";
import type { FilePatch, UpdatePlan } from "./plan.ts";
import { versionBlocks } from "./version-blocks.ts";

/** Smaller files cost less to send than to ask about. */
const askFrom = 1024 * 1024;

interface Context {
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

/** Finds which blocks of the plan's large files the node lacks. Files that it cannot tell about go whole. */
export async function findPatches(
  plan: UpdatePlan,
  context: Context,
): Promise<ReadonlyMap<RelPath, FilePatch>> {
  const files = candidates(plan, context);
  const patches = new Map<RelPath, FilePatch>();
  if (files.length === 0) {
    return patches;
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
      const { block, path: base } = file;
      patches.set(entry.path, { block, base, program: context.program, proof: proofOf(ours), runs, bytes });
    }
  }
  return patches;
}

interface Candidate {
  readonly entry: FileEntryRegular;
  readonly standing: DigestedFile;
}

function candidates(plan: UpdatePlan, context: Context): readonly Candidate[] {
  return plan.actions.flatMap((action) => {
    if (action.kind !== "write" || action.entry.kind !== "file" || plan.copies.has(action.entry.path)) {
      return [];
    }
    const { entry } = action;
    const standing = context.node.standingFile(entry.path);
    const attributes = (entry.extended?.length ?? 0) > 0;
    // A file with holes goes as it is: the holes are in the archive.
    return entry.size >= askFrom &&
      (context.readsAttributes || !attributes) &&
      standing?.entry.kind === "file" &&
      standing.entry.size >= askFrom &&
      standing.allocated >= standing.entry.size
      ? [
          {
            entry,
            standing: {
              path: standing.entry.path,
              size: standing.entry.size,
              block: blockSize(entry.size),
            },
          },
        ]
      : [];
  });
}

/** Block digests of the version's files; those with holes are left out. */
async function versionDigests(
  files: readonly Candidate[],
  context: Context,
): Promise<ReadonlyMap<RelPath, readonly string[]>> {
  const digests = new Map<RelPath, string[]>();
  const wanted = files.map(({ entry, standing }) => [entry.path, standing.block] as const);
  for await (const [path, bytes] of versionBlocks(wanted, context)) {
    const list = digests.get(path) ?? [];
    digests.set(path, list);
    list.push(digestOf(context.program, bytes));
  }
  return digests;
}

function runBytes(run: BlockRun, size: number, block: number): number {
  return Math.min(size, (run.first + run.count) * block) - run.first * block;
}
