/** Large files as they stand in an image's tree: their blocks' digests, and their bytes. */
import { closeSync, fstatSync, read } from "node:fs";
import { promisify } from "node:util";
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntryRegular, Timestamp } from "../entry.ts";
import type { DigestProgram } from "../remote/block-digests.ts";
import { digestOf } from "../remote/block-hash.ts";
import type { KnownBlocks } from "../remote/known-blocks.ts";
import { TreeRoot } from "../tree/root.ts";
import type { BlockFile } from "./block-plan.ts";

export interface Standing {
  readonly digests: readonly string[];
  /** The file as it was digested. */
  readonly mark: string;
  readonly size: number;
}

/** Digests the files of the tree, in their order; a block that does not stand there as a whole has a digest of its own or none. */
export async function standingDigests(
  place: { readonly tree: string; readonly program: DigestProgram; readonly known: KnownBlocks },
  files: readonly BlockFile[],
): Promise<readonly Standing[]> {
  const { program, known } = place;
  const root = new TreeRoot(place.tree);
  try {
    const all: Standing[] = [];
    for (const { entry, block } of files) {
      const fd = root.openRead(entry.path);
      try {
        const mark = markOf(fd);
        const { size } = fstatSync(fd);
        const before = known.get(treeName(mark), { block, program });
        const digests =
          before === undefined
            ? await digestFile(fd, { block, size: entry.size, program })
            : sameLengths(before, { block, had: size, has: entry.size });
        all.push({ digests, mark, size });
      } finally {
        closeSync(fd);
      }
    }
    return all;
  } finally {
    root.close();
  }
}

async function digestFile(
  fd: number,
  file: { readonly block: number; readonly size: number; readonly program: DigestProgram },
): Promise<readonly string[]> {
  const { block, size, program } = file;
  const digests: string[] = [];
  // One for all: garbage of this size keeps the collector busy.
  const buffer = Buffer.allocUnsafe(Math.min(block, size));
  for (let start = 0; start < size; start += block) {
    const bytes = buffer.subarray(0, Math.min(block, size - start));
    await readInto(bytes, fd, start);
    digests.push(digestOf(program, bytes));
  }
  return digests;
}

/** Digests of a file that had another size: of a block that is longer or shorter than it was, nothing is known. */
function sameLengths(
  digests: readonly string[],
  file: { readonly block: number; readonly had: number; readonly has: number },
): readonly string[] {
  const { block, had, has } = file;
  return digests.map((digest, index) =>
    Math.min(had, (index + 1) * block) === Math.min(has, (index + 1) * block) ? digest : "",
  );
}

/** Device, inode, size and times: any write moves the last. */
export function markOf(fd: number): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = fstatSync(fd, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}

/** The marks of files that were just written to the tree, as far as they are still what was written: their time would tell. */
export function standingMarks<File extends { readonly member: FileEntryRegular }>(
  tree: string,
  files: readonly File[],
): readonly (readonly [file: File, mark: string])[] {
  const root = new TreeRoot(tree);
  try {
    return files.flatMap((file): (readonly [File, string])[] => {
      const { path, size, mtime } = file.member;
      const fd = root.openRead(path);
      try {
        const now = root.lstat(path);
        const same = now?.size === size && sameTime(now.mtime, mtime);
        return same ? [[file, markOf(fd)]] : [];
      } finally {
        closeSync(fd);
      }
    });
  } finally {
    root.close();
  }
}

function sameTime(a: Timestamp, b: Timestamp): boolean {
  return a.seconds === b.seconds && a.nanoseconds === b.nanoseconds;
}

/** How {@link KnownBlocks} names a file of a tree. */
export function treeName(mark: string): string {
  return `tree ${mark}`;
}

/** Opens a file of a tree to read parts of it; undefined where there is none of that name. */
export function openStanding(
  tree: string,
  path: RelPath,
):
  | { readonly read: (start: number, length: number) => Promise<Uint8Array>; readonly close: () => void }
  | undefined {
  let root: TreeRoot | undefined;
  try {
    root = new TreeRoot(tree);
    const fd = root.lstat(path)?.kind === "file" ? root.openRead(path) : undefined;
    return fd === undefined
      ? undefined
      : {
          async read(start, length) {
            const bytes = Buffer.allocUnsafe(length);
            await readInto(bytes, fd, start);
            return bytes;
          },
          close: () => closeSync(fd),
        };
  } catch {
    // The tree is somebody's to work in, and may be gone: the version has the content too.
    return undefined;
  } finally {
    root?.close();
  }
}

const readFd = promisify(read);

const pieceLength = 1024 * 1024;

/** A part of a file in pieces. */
export async function* pieces(
  fd: number,
  part: { readonly start: number; readonly length: number },
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < part.length; done += pieceLength) {
    // Each is one of its own: who takes them may hold some.
    const piece = Buffer.allocUnsafe(Math.min(pieceLength, part.length - done));
    await readInto(piece, fd, part.start + done);
    yield piece;
  }
}

/** Fills it with what is there, and with zeros where nothing is: what is missing differs by its digest. */
async function readInto(buffer: Buffer, fd: number, start: number): Promise<void> {
  for (let done = 0; done < buffer.length; ) {
    const { bytesRead } = await readFd(fd, buffer, done, buffer.length - done, start + done);
    if (bytesRead === 0) {
      buffer.fill(0, done);
      return;
    }
    done += bytesRead;
  }
}
