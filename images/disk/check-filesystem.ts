/** Filesystems on a disk from elsewhere are checked before the kernel is given them. */
import { AppError } from "../../base/errors.ts";
import { packageFile } from "../../base/package-file.ts";
import { runProcess } from "../../base/process.ts";
import type { DiskPart } from "./mount-plan.ts";

interface Checker {
  /** Changes nothing; exit code 0 means sound. */
  readonly check: readonly string[];
  /** Finishes what the old system had begun (its journal); absent where only mounting does that. */
  readonly finish?: readonly string[];
}

const ext: Checker = { check: ["e2fsck", "-f", "-n"], finish: ["e2fsck", "-y", "-E", "journal_only"] };
const checkers: Readonly<Record<string, Checker>> = {
  ext2: ext,
  ext3: ext,
  ext4: ext,
  xfs: { check: ["xfs_repair", "-n"] },
  btrfs: { check: ["btrfs", "check", "--readonly"] },
  vfat: { check: ["fsck.fat", "-n"], finish: ["fsck.fat", "-a"] },
};

export interface CheckTask {
  readonly file: string;
  readonly part: DiskPart;
  readonly signal?: AbortSignal;
}

export interface FilesystemProblem {
  /** In the words of the checker. */
  readonly said: string;
  /** True where it was only not unmounted: its journal is to be played back. */
  readonly unfinished: boolean;
}

/** Looks for what is wrong with a filesystem; undefined where nothing is. */
export async function filesystemProblem(task: CheckTask): Promise<FilesystemProblem | undefined> {
  const { code, text } = await onLoop("ro", checkerOf(task).check, task);
  // e2fsck looks away from a journal that is not empty, and calls what it then sees sound or not.
  const unfinished = /skipping journal recovery|log which is being ignored|Dirty bit is set/.test(text);
  return code === 0 && !unfinished ? undefined : { said: lastWords(text), unfinished };
}

/** Lets a journal be replayed, on a file that may be changed. */
export async function finishFilesystem(task: CheckTask): Promise<void> {
  const { finish } = checkerOf(task);
  const argv = finish ?? ["sh", "-c", mountOnce, "mount-once", task.part.filesystem?.type ?? ""];
  await onLoop("rw", argv, task);
}

const mountOnce = `
folder=$(mktemp -d) && mount -t "$1" -o nosuid,nodev,noexec "$2" "$folder" && umount "$folder"
rmdir "$folder"
`;

function checkerOf({ part }: CheckTask): Checker {
  const checker = checkers[part.filesystem?.type ?? ""];
  if (checker === undefined) {
    throw new AppError("internal", `There is no checker for ${part.filesystem?.type ?? "nothing"}`);
  }
  return checker;
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

function lastWords(text: string): string {
  const lines = text
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(?:e2fsck|fsck\.fat) \d/.test(line));
  return lines.slice(0, 3).join("; ").slice(0, 500);
}
