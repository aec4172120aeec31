/** A disk image from elsewhere as a raw file that can be read in place: unpacked or converted into the work folder where it must be. */
import { open, rm, stat, statfs } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import type { ProgressSink } from "../../base/ports.ts";
import { runProcess } from "../../base/process.ts";
import { formatByteSize } from "../../base/quantity.ts";
import { compressionOf, readArchiveFile } from "../store/archive-file.ts";
import { noSpace, readExactly, writeFully } from "../store/durable-file.ts";
import { checkQcow2, isQcow2, qcow2HeadBytes } from "./qcow2-header.ts";

export interface RawDisk {
  /** Absolute path of the raw bytes. */
  readonly file: string;
  /** True where the file is the import's own and may be changed. */
  readonly own: boolean;
  readonly bytes: number;
}

interface DiskOptions {
  readonly work: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressSink;
}

/** Programs that read what others made get no more than this: a hostile file may ask for much more. */
const memoryLimit = 4 * 1024 ** 3;

/** Takes raw and qcow2, both also compressed. Refuses as `hostile` what is cut short or damaged, naming the byte. */
export async function openDiskFile(file: string, options: DiskOptions): Promise<RawDisk> {
  const compressed = (await compressionOf(file)) !== undefined;
  const unpacked = `${options.work}/unpacked`;
  if (compressed) {
    await unpackSparse(file, unpacked, options);
  }
  const source = compressed ? unpacked : file;
  const head = await headOf(source, qcow2HeadBytes);
  if (!isQcow2(head)) {
    const { size } = await stat(source);
    if (size < 1024 * 1024 || size % 512 !== 0) {
      throw new AppError(
        "hostile",
        `Refused ${file}: it is no disk, or cut short at byte ${size}: a disk has whole sectors and over a megabyte`,
        { fields: { file, offset: size } },
      );
    }
    return { file: source, own: compressed, bytes: size };
  }
  const raw = `${options.work}/disk.raw`;
  await convertQcow2(source, { raw, head, what: file, ...options });
  if (compressed) {
    await rm(unpacked, { force: true });
  }
  return { file: raw, own: true, bytes: (await stat(raw)).size };
}

/** A copy that may be changed; it shares blocks where the filesystem can. */
export async function ownCopy(disk: RawDisk, options: DiskOptions): Promise<RawDisk> {
  if (disk.own) {
    return disk;
  }
  const { blocks } = await stat(disk.file);
  await refuseWithoutRoom(options.work, blocks * 512);
  const file = `${options.work}/disk.raw`;
  const copied = await run(["cp", "--sparse=always", "--reflink=auto", "--", disk.file, file], options);
  if (copied.code !== 0) {
    throw new AppError("io", `Cannot copy ${disk.file}: ${copied.said}`);
  }
  return { ...disk, file, own: true };
}

/** Zeros are left out, so that a disk takes what it holds. */
async function unpackSparse(file: string, target: string, options: DiskOptions): Promise<void> {
  const handle = await open(target, "wx", 0o600);
  try {
    let position = 0;
    let held = 0;
    const signal = options.signal === undefined ? {} : { signal: options.signal };
    for await (const chunk of readArchiveFile(file, signal)) {
      options.signal?.throwIfAborted();
      for (let at = 0; at < chunk.length; at += block) {
        const part = chunk.subarray(at, at + block);
        if (!isZero(part)) {
          await writeFully(handle, part, { file: target, position: position + at }).catch(
            (error: unknown) => {
              throw error instanceof AppError && error.code === "no-space"
                ? noSpace(`${file} at byte ${position + at} of what it unpacks to`, error)
                : error;
            },
          );
          held += part.length;
        }
      }
      position += chunk.length;
      options.onProgress?.({
        phase: "unpack the disk",
        bytes: position,
        message: `${formatByteSize(held)} in use`,
      });
    }
    await handle.truncate(position);
  } finally {
    await handle.close();
  }
}

const block = 65_536;
const zeros = new Uint8Array(block);

function isZero(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, zeros.subarray(0, bytes.length)) === 0;
}

async function convertQcow2(
  source: string,
  options: DiskOptions & { readonly raw: string; readonly head: Uint8Array; readonly what: string },
): Promise<void> {
  const { raw, what } = options;
  const checked = checkQcow2(options.head);
  if (!checked.ok) {
    throw new AppError("hostile", `Refused ${what}: ${checked.error}`, { fields: { file: what } });
  }
  const { size } = await stat(source);
  options.onProgress?.({ phase: "check the disk" });
  const check = await run([...limited, "qemu-img", "check", "-f", "qcow2", "--output=json", source], options);
  // 0: sound; 3: space that nothing uses, which does no harm.
  if (/exceeding the end of the file/.test(check.errors)) {
    throw cutShort(what, size);
  }
  if (check.code !== 0 && check.code !== 3) {
    throw new AppError("hostile", `Refused ${what}: it is damaged: qemu-img said '${check.said}'`, {
      hint: "Look at it with 'qemu-img check'.",
    });
  }
  const end = Number(/"image-end-offset": (\d+)/.exec(check.output)?.[1] ?? 0);
  if (end > size) {
    throw cutShort(what, size);
  }
  const clusters = Number(/"allocated-clusters": (\d+)/.exec(check.output)?.[1] ?? 0);
  await refuseWithoutRoom(options.work, clusters * checked.value.clusterBytes);
  options.onProgress?.({ phase: "convert the disk", bytesTotal: checked.value.diskBytes });
  const convert = [...limited, "qemu-img", "convert", "-f", "qcow2", "-O", "raw", "-S", "64k", source, raw];
  const converted = await run(convert, options);
  if (converted.code !== 0) {
    throw new AppError("hostile", `Refused ${what}: it cannot be read: qemu-img said '${converted.said}'`);
  }
}

function cutShort(what: string, size: number): AppError {
  return new AppError("hostile", `Refused ${what}: it is cut short at byte ${size}: its data reach further`, {
    fields: { file: what, offset: size },
  });
}

const limited = ["prlimit", `--as=${memoryLimit}`, "--core=0"];

async function run(argv: readonly string[], options: DiskOptions) {
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const { code, stdout, stderr } = await runProcess(argv, signal);
  return {
    code,
    output: Buffer.from(stdout).toString("latin1"),
    errors: stderr,
    said: stderr.trim().split("\n").at(-1) ?? "",
  };
}

/** Refuses what would not fit beside what is there. */
export async function refuseWithoutRoom(folder: string, bytes: number): Promise<void> {
  const disk = await statfs(folder);
  const free = disk.bavail * disk.bsize;
  if (bytes > free) {
    throw new AppError(
      "no-space",
      `The disk takes ${formatByteSize(bytes)} unpacked and only ${formatByteSize(free)} are free in the state folder`,
      { hint: "Remove old versions or images, or put the state folder on a larger disk." },
    );
  }
}

/** The first bytes of a file, as many as it has of them. */
export async function headOf(file: string, length: number): Promise<Uint8Array> {
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    return (await readExactly(handle, { position: 0, length: Math.min(length, size) })) ?? new Uint8Array(0);
  } finally {
    await handle.close();
  }
}
