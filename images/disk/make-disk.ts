/** Writes a bootable disk on the server: a master script, run on a sparse file as on a machine's disk. */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdtemp, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { AppError } from "../../base/errors.ts";
import { packageFile } from "../../base/package-file.ts";
import type { ProgressSink } from "../../base/ports.ts";
import { runProcess, startProcess } from "../../base/process.ts";
import { syncFolder } from "../store/durable-file.ts";

export interface DiskTask {
  /** Absolute path; it appears whole or not at all. */
  readonly file: string;
  readonly format: "raw" | "qcow2";
  readonly bytes: number;
  /** A file that stands there is replaced. */
  readonly replace: boolean;
  /** The master script, one character per byte. */
  readonly script: string;
  /** How the system will call the disk: `/dev/vda`. */
  readonly diskName: string;
  /** The version, zstd-compressed. */
  readonly tree: AsyncIterable<Uint8Array>;
  /** Compares what was written with the version; one sentence for each difference. */
  readonly verify: (written: {
    readonly body: AsyncIterable<Uint8Array>;
    readonly listingBytes: number;
  }) => Promise<readonly string[]>;
  readonly onProgress?: ProgressSink;
  readonly signal?: AbortSignal;
}

const shownDifferences = 20;

/** Makes the disk; returns the size of its file and the bytes that it takes. */
export async function makeDisk(task: DiskTask): Promise<{ readonly bytes: number; readonly stored: number }> {
  const { file } = task;
  if (!task.replace && (await stat(file).catch(() => undefined)) !== undefined) {
    throw new AppError("conflict", `${file} exists already`, { hint: "Say --force to replace it." });
  }
  const folder = await mkdtemp(`${tmpdir()}/ingot-disk-`);
  const unfinished = `${file}.${randomBytes(6).toString("hex")}.unfinished`;
  const converted = `${unfinished}.qcow2`;
  try {
    await makeSparse(unfinished, task.bytes);
    await writeFile(`${folder}/install.sh`, Buffer.from(task.script, "latin1"));
    await writeFile(`${folder}/disk-name`, task.diskName);
    await copyFile(packageFile("images/disk/disk-library.sh"), `${folder}/node.sh`);
    await copyFile(packageFile("images/disk/fat-library.sh"), `${folder}/fat-library.sh`);
    await runOrFail(["mkfifo", "-m", "600", `${folder}/verdict`], task);
    await install(task, { disk: unfinished, folder });
    if (task.format === "qcow2") {
      task.onProgress?.({ phase: "convert" });
      await runOrFail(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", unfinished, converted], task);
      await rename(converted, unfinished);
    }
    const handle = await open(unfinished, "r+");
    await handle.sync();
    await handle.close();
    await rename(unfinished, file);
    await syncFolder(file.slice(0, file.lastIndexOf("/")) || "/");
    const made = await stat(file);
    return { bytes: made.size, stored: made.blocks * 512 };
  } finally {
    await rm(unfinished, { force: true });
    await rm(converted, { force: true });
    await rm(folder, { recursive: true, force: true });
  }
}

async function makeSparse(file: string, bytes: number): Promise<void> {
  const handle = await open(file, "wx", 0o600).catch((error: unknown) => {
    throw new AppError("io", `Cannot write ${file}: ${error instanceof Error ? error.message : "?"}`, {
      cause: error,
    });
  });
  try {
    await handle.truncate(bytes);
  } finally {
    await handle.close();
  }
}

async function install(
  task: DiskTask,
  at: { readonly disk: string; readonly folder: string },
): Promise<void> {
  const { disk, folder } = at;
  const namespaces = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"];
  // It must not outlive this process either.
  const tied = ["setpriv", "--pdeathsig", "KILL", ...namespaces];
  const running = startProcess([...tied, "sh", packageFile("images/disk/make-disk.sh"), disk, folder], {
    stdin: task.tree,
    ...(task.signal === undefined ? {} : { signal: task.signal }),
  });
  let failure: string | undefined;
  for await (const line of linesOf(running.stdout)) {
    const [word = "", first = "", ...rest] = line.split(" ");
    if (word === "report") {
      task.onProgress?.({ phase: first, message: rest.slice(1).join(" ") });
    } else if (word === "verify") {
      const body = createReadStream(rest.join(" ")) as AsyncIterable<Uint8Array>;
      const differences = await task.verify({ body, listingBytes: Number(first) });
      await writeFile(`${folder}/verdict`, differences.slice(0, shownDifferences).join("\n"));
    } else if (word === "fail") {
      failure = `${rest.join(" ")} (while it was to ${first})`;
    }
  }
  const { code, stderr } = await running.exit;
  if (code !== 0) {
    const said = failure ?? `the script ended with code ${code}: ${lastLines(stderr)}`;
    throw new AppError("refused", `The disk could not be made: ${said}`, {
      hint: lastLines(stderr),
    });
  }
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-3).join("; ").slice(-600);
}

async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of source) {
    const lines = (rest + Buffer.from(chunk).toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

async function runOrFail(argv: readonly string[], options: { readonly signal?: AbortSignal }): Promise<void> {
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const { code, stderr } = await runProcess(argv, signal);
  if (code !== 0) {
    throw new AppError("io", `${argv[0]} failed: ${stderr.trim()}`);
  }
}
