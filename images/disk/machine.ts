/**
 * A small virtual machine with a disk from elsewhere in it, for what the server's own kernel does not open: volume groups and arrays. The
 * disk file is only read: what the machine writes to it goes to a temporary file of QEMU's. The machine has no network, and QEMU
 * gives up root once its files are open.
 */
import { open, rm, stat, truncate, writeFile } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { readPackageFile } from "../../base/package-file.ts";
import type { ShellText } from "../../base/posix-quote.ts";
import { runProcess, startProcess } from "../../base/process.ts";
import { headOf } from "./disk-file.ts";
import { guarded } from "./guarded.ts";
import { type Accelerator, type Board, boardOf, machineArguments } from "./machine-arguments.ts";
import { type MachineAnswer, Replies } from "./machine-replies.ts";
import type { MachineSystem } from "./machine-system.ts";

export interface DiskMachine {
  run(command: ShellText): Promise<MachineAnswer>;
  /** The file that the machine has as its second disk. */
  readonly spool: string;
  close(): Promise<void>;
}

export interface MachineOptions {
  readonly disk: string;
  /** A folder for the machine's own files. */
  readonly work: string;
  readonly system: MachineSystem;
  readonly signal?: AbortSignal;
}

/** The first program, as the kernel is told it. */
const initPath = "ingot-disk";
/** With KVM a machine is up within seconds; on some hosts it is there and never starts one. */
const patience = 60_000;

/** Starts the machine and waits until it listens: with KVM where that works, else emulated. */
export async function startMachine(options: MachineOptions): Promise<DiskMachine> {
  const { work, system } = options;
  const board = boardOf(system.processor);
  if (board === undefined) {
    throw new AppError(
      "refused",
      `There is no virtual machine for a flavor of architecture ${system.processor}`,
    );
  }
  const asked = await runProcess([board.program, "--version"]).catch((error: unknown) => {
    throw error instanceof AppError && error.code === "missing-tool"
      ? new AppError("missing-tool", `${board.program} is not installed`, {
          cause: error,
          hint: `Install QEMU's package: ${board.debianPackage} on Debian.`,
        })
      : error;
  });
  const version = Number(/version (\d+\.\d+)/.exec(Buffer.from(asked.stdout).toString("latin1"))?.[1]);
  const files = {
    disk: options.disk,
    kernel: system.kernel,
    ramdisk: `${work}/ramdisk`,
    spool: `${work}/spool`,
    console: `${work}/console`,
  };
  await writeRamdisk(files.ramdisk, system);
  await writeFile(files.spool, "", { flag: "wx", mode: 0o600 });
  await truncate(files.spool, spoolBytes((await stat(options.disk)).size));
  const start = (accelerator: Accelerator) =>
    boot({ board, files, version, accelerator, ...options }).catch(async (error: unknown) => {
      await rm(files.console, { force: true });
      throw error;
    });
  if (await canUseKvm()) {
    try {
      return await start("kvm");
    } catch (error) {
      if (options.signal?.aborted === true) {
        throw error;
      }
    }
  }
  return await start("tcg");
}

/** As large as a tar of the disk may become, also where its filesystem compresses. It is a hole until it is written. */
function spoolBytes(disk: number): number {
  return Math.max(64 * 1024 ** 3, Math.ceil((disk * 4) / 4096) * 4096);
}

async function canUseKvm(): Promise<boolean> {
  const handle = await open("/dev/kvm", "r+").catch(() => undefined);
  await handle?.close();
  return handle !== undefined;
}

/** Ours first, as the kernel's documentation has it for archives that are not compressed. */
async function writeRamdisk(file: string, system: MachineSystem): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    const init = { path: initPath, data: readPackageFile("images/disk/machine-init.sh") };
    for (const piece of system.archiveOf(init)) {
      await handle.writeFile(piece);
    }
  } finally {
    await handle.close();
  }
  const { code, stderr } = await runProcess(["sh", "-c", 'cat "$1" >>"$2"', "sh", system.ramdisk, file]);
  if (code !== 0) {
    throw new AppError("io", `Cannot write the machine's ramdisk: ${stderr.trim()}`);
  }
}

interface Boot extends MachineOptions {
  readonly board: Board;
  readonly files: Parameters<typeof machineArguments>[0]["files"];
  readonly version: number;
  readonly accelerator: Accelerator;
}

async function boot(task: Boot): Promise<DiskMachine> {
  const { board, files, accelerator } = task;
  const power = new AbortController();
  const off = () => power.abort();
  task.signal?.addEventListener("abort", off, { once: true });
  if (task.signal?.aborted === true) {
    off();
  }
  const questions = new Questions();
  const argv = machineArguments({ ...task, init: initPath });
  const running = startProcess(guarded(["prlimit", "--core=0", board.program, ...argv]), {
    stdin: questions.lines(),
    signal: power.signal,
    env: { TMPDIR: task.work },
  });
  const replies = new Replies(running.stdout);
  const stopped = async (why: unknown): Promise<AppError> => {
    off();
    questions.end();
    const said = await running.exit.then(
      ({ stderr }) => stderr.trim(),
      () => "",
    );
    return task.signal?.aborted === true
      ? new AppError("cancelled", "The virtual machine was stopped on request")
      : new AppError(
          "io",
          `The virtual machine (${board.program}, ${accelerator}) ended: ${[why, said, await lastWords(files.console)].join(" ").trim()}`,
        );
  };
  let ready = false;
  const impatient = accelerator === "kvm" ? AbortSignal.timeout(patience) : undefined;
  impatient?.addEventListener("abort", () => ready || off());
  try {
    await replies.greeting();
    ready = true;
  } catch (error) {
    throw await stopped(error instanceof Error ? error.message : String(error));
  }
  return {
    spool: files.spool,
    async run(command) {
      questions.ask(command);
      try {
        return await replies.answer();
      } catch (error) {
        throw await stopped(error instanceof Error ? error.message : String(error));
      }
    },
    async close() {
      task.signal?.removeEventListener("abort", off);
      off();
      questions.end();
      await running.exit.catch(() => undefined);
      await replies.close();
    },
  };
}

/** What is still to be asked: the machine's standard input, open until the end. */
class Questions {
  #waiting: Uint8Array[] = [];
  #wake: () => void = () => undefined;
  #ended = false;

  ask(command: ShellText): void {
    const text = Buffer.from(command, "latin1").toString("base64");
    this.#waiting.push(Buffer.from(`${text}\n`, "latin1"));
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *lines(): AsyncGenerator<Uint8Array> {
    while (!this.#ended) {
      yield* this.#waiting.splice(0);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#ended || this.#waiting.length > 0) {
          resolve();
        }
      });
    }
  }
}

const wordsLimit = 300;

async function lastWords(file: string): Promise<string> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  // The console is small unless the machine is in trouble; its end tells.
  const text = size === 0 ? "" : Buffer.from(await headOf(file, 1024 * 1024)).toString("latin1");
  return text
    .replace(/[^\x20-\x7e]+/g, " ")
    .slice(-wordsLimit)
    .trim();
}
