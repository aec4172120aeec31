/** The disk layout's place: /etc/systemimager/autoinstallscript.conf on the client and in the image. */
import type { BigIntStats } from "node:fs";
import { lstat, mkdir, rename, writeFile } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { sh } from "../../base/posix-quote.ts";
import { runProcess } from "../../base/process.ts";
import type { RemoteSession } from "../remote/session.ts";

export const layoutFolder = "etc/systemimager" as RelPath;
export const layoutPath = `${layoutFolder}/autoinstallscript.conf` as RelPath;

/** Writes the layout on a client: beside its place, then renamed into it. `text` is one character per byte. */
export async function writeLayout(
  session: RemoteSession,
  options: { readonly root: string; readonly text: string; readonly signal?: AbortSignal },
): Promise<void> {
  const base = options.root.replace(/\/+$/, "");
  const file = `${base}/${layoutPath}`;
  const command = sh`umask 022 && mkdir -p ${`${base}/${layoutFolder}`} && cat >${`${file}.ingot-new`} && mv -f ${`${file}.ingot-new`} ${file}`;
  const result = await session.run(command, {
    stdin: bytesOf(options.text),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (result.code !== 0) {
    throw new AppError("remote-failed", `Cannot write ${file} on ${session.host}: ${result.stderr.trim()}`, {
      hint: "Is the filesystem full or mounted read-only?",
    });
  }
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, "latin1");
}

/**
 * Writes the layout into an image tree that has none; the folders keep their times. The tree holds what a client sent: a folder on
 * the way that is a symbolic link would lead out of it, so nothing is written there.
 */
export async function addLayout(tree: string, text: string): Promise<"written" | "present" | "no-folder"> {
  const at = (path: string) => Buffer.from(`${tree}/${path}`, "latin1");
  const times: { readonly path: string; readonly nanoseconds: bigint }[] = [];
  for (const folder of ["etc", layoutFolder]) {
    const found = await statOf(at(folder));
    if (found === undefined) {
      await mkdir(at(folder), { mode: 0o755 });
    } else if (found.isDirectory()) {
      times.push({ path: folder, nanoseconds: found.mtimeNs });
    } else {
      return "no-folder";
    }
  }
  if ((await statOf(at(layoutPath))) !== undefined) {
    return "present";
  }
  const temporary = at(`${layoutPath}.ingot-new`);
  await writeFile(temporary, Buffer.from(text, "latin1"), { mode: 0o644, flag: "wx" });
  await rename(temporary, at(layoutPath));
  for (const { path, nanoseconds } of times) {
    // Node's utimes takes doubles, which are too coarse for nanoseconds.
    const time = `@${nanoseconds / billion}.${String(nanoseconds % billion).padStart(9, "0")}`;
    await runProcess(["touch", "-c", "-d", time, `${tree}/${path}`]);
  }
  return "written";
}

const billion = 1_000_000_000n;

async function statOf(path: Buffer): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}
