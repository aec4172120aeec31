/** Filesystems on a disk from elsewhere are checked before the kernel is given them. */
import { AppError } from "../../base/errors.ts";
import { packageFile } from "../../base/package-file.ts";
import { runProcess } from "../../base/process.ts";
import { checkCommand, type FilesystemProblem, finishCommand, judgeCheck } from "./filesystem-check.ts";
import type { DiskPart } from "./mount-plan.ts";

export interface CheckTask {
  readonly file: string;
  readonly part: DiskPart;
  readonly signal?: AbortSignal;
}

/** Looks for what is wrong with a filesystem; undefined where nothing is. */
export async function filesystemProblem(task: CheckTask): Promise<FilesystemProblem | undefined> {
  return judgeCheck(await onLoop("ro", checkCommand(typeOf(task)), task));
}

/** Lets a journal be replayed, on a file that may be changed. */
export async function finishFilesystem(task: CheckTask): Promise<void> {
  await onLoop("rw", finishCommand(typeOf(task)), task);
}

function typeOf({ part }: CheckTask): string {
  return part.filesystem?.type ?? "";
}

async function onLoop(
  mode: "ro" | "rw",
  command: readonly string[],
  task: CheckTask,
): Promise<{ readonly code: number; readonly text: string }> {
  const { file, part, signal } = task;
  const script = ["sh", packageFile("images/disk/with-loop.sh"), mode, file, `${part.start}`, `${part.size}`];
  const isolated = ["unshare", "--mount", "--propagation", "private", ...script, ...command];
  const { code, stdout, stderr } = await runProcess(isolated, signal === undefined ? {} : { signal });
  if (code === 127) {
    throw new AppError(
      "missing-tool",
      `Cannot check a filesystem of type ${part.filesystem?.type}: ${stderr}`,
      {
        hint: "Install e2fsprogs, xfsprogs, btrfs-progs and dosfstools.",
      },
    );
  }
  return { code, text: `${Buffer.from(stdout).toString("latin1")}\n${stderr}` };
}
