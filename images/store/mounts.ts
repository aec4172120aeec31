/** What is mounted inside a tree: it would be committed with it, or removed with it. */
import { readFile } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";

/** Throws `conflict` where something is mounted below `tree`. */
export async function refuseMounts(tree: string, what: string): Promise<void> {
  const text = await readFile("/proc/self/mountinfo", "latin1");
  for (const line of text.split("\n")) {
    // proc(5): the fifth field is the mount point; space, tab, newline and backslash are written in octal.
    const point = line
      .split(" ")[4]
      ?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    if (point?.startsWith(`${tree}/`)) {
      throw new AppError("conflict", `Cannot ${what}: something is mounted at ${point}`, {
        hint: "Leave the chroot, or unmount it.",
      });
    }
  }
}
