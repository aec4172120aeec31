/**
 * Makes the new state of large files in a tree's staging folder: a copy of what stands, made by the kernel and where the filesystem
 * can do it without copying anything, and the client's blocks written over it.
 */
import { closeSync, ftruncateSync } from "node:fs";
import { joinPath, type RelPath } from "../../base/path-bytes.ts";
import { digestOf } from "../remote/block-hash.ts";
import { sameAsListed } from "../sync/compare.ts";
import { stagingName } from "../sync/listing.ts";
import { MemberTable, type Received } from "../tree/member-table.ts";
import { setTimes } from "../tree/metadata.ts";
import { stagedName } from "../tree/receive.ts";
import type { TreeRoot } from "../tree/root.ts";
import { type BlockedFile, runLength } from "./block-plan.ts";
import type { Exact } from "./blocks.ts";
import { markOf } from "./standing-blocks.ts";

/** Whether a file can be made so: one with attributes goes through tar, which sets them; one that became far shorter is not copied first. */
export function isComposable(file: BlockedFile): boolean {
  return (
    (file.member.extended?.length ?? 0) === 0 &&
    file.runs.some((run) => run.from === "client") &&
    file.standing.size <= file.entry.size * 2
  );
}

/** Makes them in the order of the files, which is that of the plan. Files that moved meanwhile are torn. */
export async function composeFiles(
  root: TreeRoot,
  files: readonly BlockedFile[],
  wire: Exact,
): Promise<Received> {
  const table = new MemberTable();
  const folders = new Set<string>();
  const times: { readonly path: RelPath; readonly time: BlockedFile["member"]["mtime"] }[] = [];
  for (const [ordinal, file] of files.entries()) {
    const name = stagedName(ordinal);
    const folder = name.slice(0, name.indexOf("/"));
    if (!folders.has(folder)) {
      folders.add(folder);
      root.mkdir(joinPath(stagingName, folder), 0o700);
    }
    const staged = joinPath(stagingName, name);
    const whole = await compose(root, { file, staged, wire });
    root.setOwner(staged, file.member);
    times.push({ path: staged, time: file.member.mtime });
    table.set(ordinal, whole ? "whole" : "torn", []);
    table.bytes += file.entry.size;
  }
  await wire.end();
  await setTimes(root, times);
  return table;
}

/** False where a block is not what was asked about, or somebody was at work in the image's tree. */
async function compose(
  root: TreeRoot,
  { file, staged, wire }: { readonly file: BlockedFile; readonly staged: RelPath; readonly wire: Exact },
): Promise<boolean> {
  const standing = root.openRead(file.entry.path);
  let whole = sameAsListed(file.entry, file.member) && markOf(standing) === file.standing.mark;
  try {
    await root.copyFrom(standing, staged);
    whole &&= markOf(standing) === file.standing.mark;
  } finally {
    closeSync(standing);
  }
  const made = root.openWrite(staged);
  try {
    ftruncateSync(made, file.entry.size);
    for (const run of file.runs) {
      if (run.from === "tree") {
        continue;
      }
      for (let index = run.first; index < run.first + run.count; index++) {
        const block = { ...run, first: index, count: 1 };
        const bytes = await wire.take(runLength(block, file));
        whole &&= digestOf(file.program, bytes) === file.digests[index];
        root.writeAt(made, bytes, index * file.block);
      }
    }
  } finally {
    closeSync(made);
  }
  return whole;
}
