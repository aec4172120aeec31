/**
 * Processes that count as one, by a control group: their processor time together, also of what nobody waits for, and where the kernel lets
 * groups have shares the same share as any other, however many they are. Needs root.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import path from "node:path";

const root = "/sys/fs/cgroup";
const isUnified = existsSync(path.join(root, "cgroup.controllers"));

export class CpuGroup {
  readonly #folders: readonly string[];

  constructor(name: string) {
    const controllers = isUnified ? [""] : ["cpuacct", "cpu"];
    this.#folders = [...new Set(controllers.map((controller) => path.join(root, controller, name)))];
    for (const folder of this.#folders) {
      mkdirSync(folder, { recursive: true });
    }
  }

  /** Words that run a command in the group. */
  words(): readonly string[] {
    const script = `for folder in ${this.#folders.join(" ")}; do echo $$ >"$folder/cgroup.procs"; done; exec "$@"`;
    return ["sh", "-c", script, "sh"];
  }

  seconds(): number {
    return isUnified
      ? Number(/usage_usec (\d+)/.exec(this.#read("cpu.stat"))?.[1]) / 1e6
      : Number(this.#read("cpuacct.usage")) / 1e9;
  }

  /** When its processes have ended. The kernel may take a moment to notice; an empty group is left then. */
  remove(): void {
    for (const folder of this.#folders) {
      try {
        rmdirSync(folder);
      } catch (error) {
        console.info(`(${folder} is left: ${String(error)})`);
      }
    }
  }

  #read(file: string): string {
    return readFileSync(path.join(this.#folders[0] ?? root, file), "latin1");
  }
}
