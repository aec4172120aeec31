/** Sets what Node cannot: times finer than a second, and the metadata and xattrs of directories that stand already. */

import { fromLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { quoteArgv, sh, trustedShell } from "../../base/posix-quote.ts";
import { startProcess } from "../../base/process.ts";
import type { FileEntryDirectory, Timestamp } from "../entry.ts";
import { flagsName } from "../sync/flags.ts";
import { encodeMember, endOfArchive } from "../tar/encode.ts";
import { encodePaxTime } from "../tar/pax.ts";
import { TreeRoot } from "./root.ts";
import { extractTar } from "./tar-tool.ts";
import { expectUnpacked } from "./unpackers.ts";

export interface TimedPath {
  readonly path: RelPath;
  readonly time: Timestamp;
}

/** Sets modification times exactly: whole seconds by a call, finer ones by `touch`, many paths with one time at once. */
export async function setTimes(root: TreeRoot, times: readonly TimedPath[]): Promise<void> {
  const groups = new Map<string, RelPath[]>();
  for (const { path, time } of times) {
    if (time.nanoseconds === 0 && time.seconds >= 0 && time.seconds < 2 ** 31) {
      root.setTime(path, time.seconds);
      continue;
    }
    const key = encodePaxTime(time);
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, [path]);
    } else {
      group.push(path);
    }
  }
  if (groups.size > 0) {
    await runScript(root, touchLines(groups));
  }
}

function* touchLines(groups: ReadonlyMap<string, readonly RelPath[]>): Generator<string> {
  for (const [time, paths] of groups) {
    for (let i = 0; i < paths.length; i += 100) {
      const names = paths.slice(i, i + 100).map((path) => `./${path}`);
      yield `${quoteArgv(["touch", "-h", "-c", "-m", "-d", `@${time}`, "--", ...names])}\n`;
    }
  }
}

/** Removes every xattr (ACLs are xattrs too) of directories that stand, so that what is set next is all there is. */
export async function clearExtended(root: TreeRoot, paths: readonly RelPath[]): Promise<void> {
  await runScript(
    root,
    paths.map(
      (path) =>
        sh`for d in ${`./${path}`}; do ${{ raw: clearLoop }}; done
`,
    ),
  );
}

// A label that the kernel's policy does not let go stays: it is written again anyway.
const clearLoop = trustedShell(
  "getfattr -h -m - -- \"$d\" 2>/dev/null | sed -n '/^#/d;/./p' | " +
    'while IFS= read -r name; do setfattr -h -x "$name" -- "$d" 2>/dev/null || :; done',
);

/** Sets owner, mode, time and xattrs of directories that stand. Times come last, whatever the order. */
export async function setDirectories(root: TreeRoot, entries: readonly FileEntryDirectory[]): Promise<void> {
  for (const extended of [false, true]) {
    const chosen = entries.filter((entry) => (entry.extended?.length ?? 0) > 0 === extended);
    if (chosen.length > 0) {
      const tar = directoryMembers(chosen);
      await expectUnpacked(extractTar({ directory: root.path, tar, extended }));
    }
  }
}

async function* directoryMembers(entries: readonly FileEntryDirectory[]): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < entries.length; i += 100) {
    yield Buffer.concat(entries.slice(i, i + 100).map((entry) => encodeMember(entry)));
  }
  yield endOfArchive;
}

/** Notes flags (see images/sync/flags.ts) of what stands in a tree; what does not stand is left out. */
export async function noteFlags(tree: string, flags: ReadonlyMap<RelPath, string>): Promise<void> {
  if (flags.size === 0) {
    return;
  }
  const root = new TreeRoot(tree);
  try {
    const standing = [...flags].filter(([path]) => root.lstat(path) !== undefined);
    await runScript(
      root,
      standing.map(([path, value]) => sh`setfattr -h -n ${flagsName} -v ${value} -- ${`./${path}`}\n`),
    );
  } finally {
    root.close();
  }
}

/** Runs shell lines with the tree's root as working directory; the script comes by standard input, so names may be any bytes. */
async function runScript(root: TreeRoot, lines: Iterable<string>): Promise<void> {
  async function* script(): AsyncGenerator<Uint8Array> {
    yield fromLatin1(`cd ${quoteArgv([root.path])} || exit 1\nset -e\n`);
    for (const line of lines) {
      yield fromLatin1(line);
    }
  }
  const running = startProcess(["sh"], { stdin: script() });
  for await (const _ of running.stdout) {
    // Nothing is printed.
  }
  const { code, stderr } = await running.exit;
  if (code !== 0) {
    throw new AppError("io", `Cannot set times or attributes: ${stderr.trim().split("\n").at(-1) ?? ""}`);
  }
}
