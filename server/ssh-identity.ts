import { chmod, mkdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { AppError, toAppError } from "../base/errors.ts";
import { runProcess } from "../base/process.ts";

/** Makes the daemon's own SSH key at the first start. Its public half is what golden clients and nodes let in. */
export async function ensureSshKey(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await chmod(path, 0o600);
    return;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) {
      throw toAppError(error, "io");
    }
  }
  const { code, stderr } = await runProcess([
    "ssh-keygen",
    ...["-q", "-t", "ed25519", "-N", "", "-C", `ingot@${hostname()}`, "-f", path],
  ]);
  if (code !== 0) {
    throw new AppError("io", `ssh-keygen could not make ${path}: ${stderr.trim()}`);
  }
}

/** The public keys beside private ones, one per line; a key without a public file is left out. */
export async function publicKeys(paths: readonly string[]): Promise<string> {
  const lines: string[] = [];
  for (const path of paths) {
    try {
      const text = await readFile(`${path}.pub`, "utf8");
      lines.push(...text.split("\n").filter((line) => /^[a-z0-9@.-]+ [A-Za-z0-9+/=]+/.test(line)));
    } catch {
      // An agent or an encrypted key may come without one.
    }
  }
  return lines.map((line) => `${line}\n`).join("");
}
