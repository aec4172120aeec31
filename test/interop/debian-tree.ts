/** Small real Debian systems as trees, made by mmdebstrap once a month and kept as tar archives in the lab's cache folder. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import path from "node:path";
import { cacheFolder } from "../lab/golden.ts";
import { indexTargetFormat, sourceLines } from "../lab/golden-recipe.ts";

export interface DebianTree {
  readonly suite: "bullseye" | "bookworm";
  readonly packages: readonly string[];
}

/** The archive of a system: its essential packages and those named. */
export function debianTar(tree: DebianTree): string {
  const month = new Date().toISOString().slice(0, 7);
  const file = path.join(
    cacheFolder(),
    `${["tree", tree.suite, ...tree.packages, month].join("-").toLowerCase()}.tar`,
  );
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}.tar`;
    execFileSync(
      "mmdebstrap",
      [
        ...["--quiet", "--mode=root", "--variant=essential", `--include=${tree.packages.join(",")}`],
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        ...[tree.suite, draft, mirror()],
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    renameSync(draft, file);
  }
  return file;
}

/** Where this machine itself gets Debian's packages: the mirror has the other suites too. */
function mirror(): string {
  const targets = execFileSync("apt-get", ["indextargets", "--format", indexTargetFormat], {
    encoding: "utf8",
  });
  const line = sourceLines(targets, "bookworm").find((candidate) => candidate.endsWith(" bookworm main"));
  const uri = line?.split(" ")[1];
  if (uri === undefined) {
    throw new Error("This machine's apt sources name no Debian bookworm: run 'apt-get update'");
  }
  return uri;
}

/** Unpacks an archive into a folder that is made anew. */
export function unpackTree(tar: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", [
    "-x",
    "-p",
    "--numeric-owner",
    "--xattrs",
    "--xattrs-include=*",
    "-f",
    tar,
    "-C",
    folder,
  ]);
}

export interface ChrootResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The words that run a program inside a tree as if it were a machine: in mount and process namespaces of its own. */
export function chrootArgv(root: string, argv: readonly string[]): readonly string[] {
  const enter = `set -e
mount --bind "$0" "$0"
cd "$0"
mount -t proc proc proc
mount --rbind /dev dev
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs run
exec chroot . "$@"`;
  return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", enter, root, ...argv];
}

/** Runs shell text inside a tree. */
export function inChroot(
  root: string,
  text: string,
  env: Readonly<Record<string, string>> = {},
): ChrootResult {
  const [program = "", ...words] = chrootArgv(root, ["/bin/sh", "-c", text]);
  const result = spawnSync(program, words, {
    encoding: "latin1",
    maxBuffer: 64 * 1024 * 1024,
    timeout: 900_000,
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", ...env },
  });
  return { code: result.status ?? 128, stdout: result.stdout, stderr: result.stderr };
}
