/** Random trees and random edits of them, to be judged by rsync. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import type { Random } from "./random.ts";

const names = ["a", "b", "lib", "x-1", "x.2", "é", "with space", "c"];

/** Every path below `root`, relative, directories before what is in them; symlinks are not followed. */
export function pathsOf(root: string, below = ""): readonly string[] {
  return readdirSync(path.join(root, below), { withFileTypes: true }).flatMap((found) => {
    const name = path.join(below, found.name);
    if (name === ".ingot-staging") {
      return [];
    }
    return found.isDirectory() ? [name, ...pathsOf(root, name)] : [name];
  });
}

/** Digest of every regular file. */
export function digestsOf(root: string): ReadonlyMap<string, string> {
  const digests = new Map<string, string>();
  for (const name of pathsOf(root)) {
    const file = path.join(root, name);
    if (lstatSync(file).isFile()) {
      digests.set(name, createHash("sha256").update(readFileSync(file)).digest("hex"));
    }
  }
  return digests;
}

export function makeRandomTree(root: string, random: Random, size: number): void {
  mkdirSync(root, { recursive: true });
  for (let i = 0; i < size; i++) {
    edits.create(root, random);
  }
}

/** Makes edits of every kind at random places. */
export function editTree(root: string, random: Random, count: number): void {
  const all = Object.values(edits);
  for (let i = 0; i < count; i++) {
    random.pick(all)(root, random);
  }
}

type Kind = "file" | "directory" | "any";

function some(root: string, random: Random, kind: Kind): string | undefined {
  const fitting = pathsOf(root).filter((name) => {
    const stat = lstatSync(path.join(root, name));
    return kind === "any" || (kind === "file" ? stat.isFile() : stat.isDirectory());
  });
  return fitting.length === 0 ? undefined : path.join(root, random.pick(fitting));
}

/** A path that may or may not stand; its directory does. */
function free(root: string, random: Random): string {
  const directory = random.below(3) === 0 ? root : (some(root, random, "directory") ?? root);
  return path.join(directory, `${random.pick(names)}${random.below(12)}`);
}

function clear(target: string): void {
  rmSync(target, { recursive: true, force: true });
}

const edits = {
  create(root: string, random: Random): void {
    const target = free(root, random);
    clear(target);
    const kind = random.below(12);
    if (kind < 3) {
      mkdirSync(target);
    } else if (kind === 3) {
      symlinkSync(random.pick(["a", "../b", "/nowhere", "."]), target);
    } else if (kind === 4) {
      execFileSync("mkfifo", [target]);
    } else if (kind === 5) {
      execFileSync("mknod", [target, "c", "1", String(random.below(9))]);
    } else if (kind === 6) {
      writeFileSync(target, "");
      truncateSync(target, 300_000 + random.below(100_000));
    } else {
      writeFileSync(target, random.bytes(random.below(3000)));
    }
  },
  append(root: string, random: Random): void {
    const file = some(root, random, "file");
    if (file !== undefined) {
      appendFileSync(file, random.bytes(1 + random.below(600)));
    }
  },
  truncate(root: string, random: Random): void {
    const file = some(root, random, "file");
    if (file !== undefined) {
      truncateSync(file, random.below(lstatSync(file).size + 1));
    }
  },
  remove(root: string, random: Random): void {
    const target = some(root, random, "any");
    if (target !== undefined && random.below(3) === 0) {
      clear(target);
    }
  },
  rename(root: string, random: Random): void {
    const from = some(root, random, "any");
    const to = free(root, random);
    if (
      from !== undefined &&
      to !== from &&
      !`${to}/`.startsWith(`${from}/`) &&
      !`${from}/`.startsWith(`${to}/`)
    ) {
      clear(to);
      renameSync(from, to);
    }
  },
  hardlink(root: string, random: Random): void {
    const from = some(root, random, "file");
    const to = free(root, random);
    // What stands in the way is removed first, and must not hold the file.
    if (from !== undefined && !`${from}/`.startsWith(`${to}/`)) {
      clear(to);
      linkSync(from, to);
    }
  },
  mode(root: string, random: Random): void {
    const target = some(root, random, "any");
    if (target !== undefined && !lstatSync(target).isSymbolicLink()) {
      chmodSync(target, random.pick([0o644, 0o755, 0o700, 0o4755, 0o2750, 0o1777, 0o000]));
    }
  },
  owner(root: string, random: Random): void {
    const target = some(root, random, "any");
    if (target !== undefined) {
      lchownSync(target, random.below(5) * 1000, random.below(5) * 1000);
    }
  },
  time(root: string, random: Random): void {
    const target = some(root, random, "any");
    if (target !== undefined && !lstatSync(target).isSymbolicLink()) {
      utimesSync(target, 0, random.below(2 ** 31) + random.below(1000) / 1000);
    }
  },
  acl(root: string, random: Random): void {
    const target = some(root, random, "any");
    if (target !== undefined && !lstatSync(target).isSymbolicLink()) {
      execFileSync("setfacl", [
        "-m",
        `u:${random.below(3) + 500}:${random.pick(["rw", "r", "rwx"])}`,
        target,
      ]);
    }
  },
  attribute(root: string, random: Random): void {
    const file = some(root, random, "file");
    if (file !== undefined) {
      execFileSync("setfattr", ["-n", `trusted.n${random.below(3)}`, "-v", `0x00${random.below(9)}a`, file]);
    }
  },
};
