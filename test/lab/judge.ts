/** rsync as the judge of trees: it lists what differs between two of them, and says nothing where they are the same. */
import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "./run.ts";

export interface JudgeOptions {
  readonly from: string;
  readonly to: string;
  /** rsync filter rules of what may differ. */
  readonly exclude?: readonly string[];
}

/** What `rsync -naHAX --numeric-ids --delete --checksum` would do to make `to` what `from` is: one line each. */
export async function differences(options: JudgeOptions): Promise<readonly string[]> {
  const rules = (options.exclude ?? []).map((rule) => `--exclude=${rule}`);
  const { stdout } = await run(
    [
      ...["rsync", "-naHAX", "--numeric-ids", "--delete", "--checksum", "--itemize-changes"],
      ...[...rules, `${options.from}/`, `${options.to}/`],
    ],
    { timeoutMs: 600_000 },
  );
  return stdout.split("\n").filter((line) => line !== "");
}

export interface MountedPartition {
  readonly number: number;
  readonly at: string;
}

/**
 * Mounts partitions of a raw disk image one over the other (the root first) below `folder`, runs `work` on it, and takes all down
 * again. The image is written to only by the filesystems' own journals.
 */
export async function withDisk<T>(
  disk: string,
  options: { readonly folder: string; readonly partitions: readonly MountedPartition[] },
  work: (root: string) => Promise<T>,
): Promise<T> {
  const undo: (() => Promise<unknown>)[] = [];
  const root = join(options.folder, "disk");
  mkdirSync(root, { recursive: true });
  undo.push(() => Promise.resolve(rmdirSync(root)));
  try {
    for (const partition of options.partitions) {
      // A loop device per partition, by its offset: kernels that do not scan loop devices for partitions can do this too.
      const { stdout } = await run(["partx", "--show", "--noheadings", "--output", "NR,START,SECTORS", disk]);
      const line = stdout
        .split("\n")
        .map((text) => text.trim().split(/\s+/).map(Number))
        .find(([number]) => number === partition.number);
      if (line === undefined) {
        throw new Error(`${disk} has no partition ${partition.number}`);
      }
      const [, start = 0, sectors = 0] = line;
      const mountOptions = `loop,offset=${start * 512},sizelimit=${sectors * 512}`;
      const target = join(root, partition.at);
      await run(["mount", "-o", mountOptions, disk, target]);
      undo.push(() => run(["umount", target]));
    }
    return await work(root);
  } finally {
    for (const step of undo.reverse()) {
      await step();
    }
  }
}
