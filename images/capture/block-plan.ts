/** Which blocks of a changed file have to be moved, where the image has an older one. Pure. */
import type { FileEntryRegular, Timestamp } from "../entry.ts";
import { type DigestProgram, parseBlockDigests } from "../remote/block-digests.ts";

/** Smaller files cost less to send than to ask about. */
export const askFrom = 256 * 1024;

const smallestBlock = 256 * 1024;
const largestBlock = 16 * 1024 * 1024;

/** Up to here a file has blocks of the smallest size. */
const finelyDivided = 64 * 1024 * 1024;

/**
 * A power of two. Each block costs the client three processes, and a block too large for its change costs the wire: on a network that
 * carries a hundred megabytes a second one of 8 MiB is sent in less than the processes for the smaller ones would take.
 */
export function blockSize(size: number): number {
  let block = smallestBlock;
  while (block < largestBlock && size > finelyDivided && size / block > 64) {
    block *= 2;
  }
  return block;
}

/** A file that is asked about: as it is listed on the client now. */
export interface BlockFile {
  readonly entry: FileEntryRegular;
  readonly block: number;
  /** The listed change time, as `find -printf %C@` writes it. */
  readonly ctime: string;
}

/** Blocks that follow each other and either all stand in the image's copy or all come from the client. */
export interface BlockRun {
  readonly from: "tree" | "client";
  readonly first: number;
  readonly count: number;
}

/** Compares block digests in order. */
export function blockRuns(client: readonly string[], tree: readonly string[]): readonly BlockRun[] {
  const runs: BlockRun[] = [];
  for (const [index, digest] of client.entries()) {
    const from = digest === tree[index] ? "tree" : "client";
    const last = runs.at(-1);
    if (last?.from === from) {
      runs[runs.length - 1] = { ...last, count: last.count + 1 };
    } else {
      runs.push({ from, first: index, count: 1 });
    }
  }
  return runs;
}

/** A file whose blocks are known on both sides. */
export interface BlockedFile extends BlockFile {
  /** As the client's tar shows it: with extended attributes. */
  readonly member: FileEntryRegular;
  readonly runs: readonly BlockRun[];
  readonly digests: readonly string[];
  readonly program: DigestProgram;
  /** The image's copy as it was digested. */
  readonly standing: { readonly mark: string; readonly size: number };
}

/** The bytes of a run; the last block of a file is as long as it is. */
export function runLength(run: BlockRun, file: BlockFile): number {
  return Math.min(file.entry.size, (run.first + run.count) * file.block) - run.first * file.block;
}

/** The answer to what was asked (blocks.ts) for one file: the head of its tar archive, in hexadecimal, and its blocks' digests. */
export interface BlockAnswer {
  readonly head: string;
  readonly digests: readonly string[];
}

/** Reads the answers, one for each file in order; one that does not fit its file is undefined. */
export function parseAnswers(
  text: string,
  files: readonly BlockFile[],
  program: DigestProgram,
): readonly (BlockAnswer | undefined)[] {
  const parts = text.split("file ").slice(1);
  return files.map((file, index) => {
    const [head = "", ...lines] = (parts[index] ?? "").trimEnd().split("\n");
    const digests = parseBlockDigests(lines, Math.ceil(file.entry.size / file.block), program);
    return digests !== undefined && /^([0-9a-f]{2})+$/.test(head) ? { head, digests } : undefined;
  });
}

/** As GNU find prints a time: ten digits behind the point. */
export function findTime(time: Timestamp): string {
  return `${time.seconds}.${String(time.nanoseconds).padStart(9, "0")}0`;
}
