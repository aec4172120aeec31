/** Whether a command can run inside a tree, found out before anything is mounted there. */
import { closeSync, readdirSync, readFileSync, readSync } from "node:fs";
import { machine } from "node:os";
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { TreeRoot } from "../tree/root.ts";
import { elfMachine, runsOn, scriptInterpreter } from "./elf.ts";

const searched = ["usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"];

/** Throws `refused`, saying why, where `command` is not in the tree or not for this server's processor. */
export function checkProgram(
  tree: string,
  request: { readonly image: string; readonly command: string },
): void {
  const root = new TreeRoot(tree);
  try {
    const path = findCommand(root, request.command);
    if (path === undefined) {
      throw new AppError(
        "refused",
        `Image ${request.image} has no ${request.command}: ${/^\/bin\/sh$|^sh$/.test(request.command) ? "without a shell, nothing can be done in it" : "it cannot be run there"}`,
        { hint: "Was the tree captured or imported whole? 'ingot image list' shows how large it is." },
      );
    }
    let head = headOf(root, path);
    const interpreter = scriptInterpreter(head);
    if (interpreter !== undefined) {
      const found = resolveIn(root, interpreter);
      if (found === undefined) {
        throw new AppError(
          "refused",
          `${request.command} of image ${request.image} is a script for ${interpreter}, which the image does not have`,
        );
      }
      head = headOf(root, found);
    }
    const wanted = elfMachine(head);
    if (wanted !== undefined && !runsOn(wanted, machine()) && !isEmulated(wanted)) {
      throw new AppError(
        "refused",
        `Image ${request.image} is for ${wanted}, and this server is ${machine()}: its programs cannot run here`,
        {
          hint: `Install qemu-user-static and binfmt-support, or work on it on a machine that is ${wanted}.`,
        },
      );
    }
  } finally {
    root.close();
  }
}

function findCommand(root: TreeRoot, command: string): RelPath | undefined {
  const names = command.includes("/") ? [command] : searched.map((folder) => `${folder}/${command}`);
  for (const name of names) {
    const found = resolveIn(root, name);
    if (found !== undefined && root.lstat(found)?.kind === "file") {
      return found;
    }
  }
  return undefined;
}

/** Follows links as a process does whose root the tree is; undefined where the way ends. */
function resolveIn(root: TreeRoot, path: string): RelPath | undefined {
  let left = path.split("/");
  const at: string[] = [];
  for (let links = 0; links < 40; ) {
    const part = left.shift();
    if (part === undefined) {
      return at.join("/") as RelPath;
    }
    if (part === "" || part === ".") {
      continue;
    }
    if (part === "..") {
      at.pop();
      continue;
    }
    const here = [...at, part].join("/") as RelPath;
    const found = root.lstat(here);
    if (found === undefined) {
      return undefined;
    }
    if (found.kind !== "symlink") {
      at.push(part);
      continue;
    }
    links += 1;
    const target = root.readlink(here);
    left = [...target.split("/"), ...left];
    if (target.startsWith("/")) {
      at.length = 0;
    }
  }
  return undefined;
}

function headOf(root: TreeRoot, path: RelPath): Uint8Array {
  const handle = root.openRead(path);
  try {
    const head = Buffer.alloc(256);
    return head.subarray(0, readSync(handle, head, 0, head.length, 0));
  } finally {
    closeSync(handle);
  }
}

/** Whether the kernel was told of an emulator: qemu-user's entries are named after the processor. */
function isEmulated(wanted: string): boolean {
  const folder = "/proc/sys/fs/binfmt_misc";
  const processor = { i686: "i386", armv7l: "arm" }[wanted] ?? wanted;
  try {
    return readdirSync(folder).some(
      (name) =>
        name === `qemu-${processor}` && readFileSync(`${folder}/${name}`, "latin1").startsWith("enabled"),
    );
  } catch {
    return false;
  }
}
