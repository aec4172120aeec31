/** How a filesystem of each kind is checked, and what the checkers mean by what they say. */
import { AppError } from "../../base/errors.ts";

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

export interface FilesystemProblem {
  /** In the words of the checker. */
  readonly said: string;
  /** True where it was only not unmounted: its journal is to be played back. */
  readonly unfinished: boolean;
}

/** The command that looks at a filesystem; its device comes as last word. */
export function checkCommand(type: string): readonly string[] {
  return checkerOf(type).check;
}

/** The command that lets a journal be replayed, on a device that may be changed; it comes as last word. */
export function finishCommand(type: string): readonly string[] {
  return checkerOf(type).finish ?? ["sh", "-c", mountOnce, "mount-once", type];
}

const mountOnce = `
folder=$(mktemp -d) && mount -t "$1" -o nosuid,nodev,noexec "$2" "$folder" && umount "$folder"
rmdir "$folder"
`;

/** What a checker's code and words mean; undefined where nothing is wrong. */
export function judgeCheck(result: {
  readonly code: number;
  readonly text: string;
}): FilesystemProblem | undefined {
  const { code, text } = result;
  // e2fsck looks away from a journal that is not empty, and calls what it then sees sound or not.
  const unfinished = /skipping journal recovery|log which is being ignored|Dirty bit is set/.test(text);
  return code === 0 && !unfinished ? undefined : { said: lastWords(text), unfinished };
}

function checkerOf(type: string): Checker {
  const checker = checkers[type];
  if (checker === undefined) {
    throw new AppError("internal", `There is no checker for ${type === "" ? "nothing" : type}`);
  }
  return checker;
}

function lastWords(text: string): string {
  const lines = text
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(?:e2fsck|fsck\.fat) \d/.test(line));
  return lines.slice(0, 3).join("; ").slice(0, 500);
}
