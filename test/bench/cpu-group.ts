/** Processor time of a process and of all that it starts, also of what nobody waits for: by a control group. Needs root. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";

const unified = "/sys/fs/cgroup/cgroup.controllers";

export class CpuGroup {
  readonly #folder: string;
  readonly #isUnified = existsSync(unified);

  constructor(name: string) {
    this.#folder = path.join("/sys/fs/cgroup", this.#isUnified ? "" : "cpuacct", name);
    mkdirSync(this.#folder, { recursive: true });
  }

  /** What the process has taken before does not count. */
  add(pid: number): void {
    writeFileSync(path.join(this.#folder, "cgroup.procs"), `${pid}`);
  }

  seconds(): number {
    return this.#isUnified
      ? Number(/usage_usec (\d+)/.exec(this.#read("cpu.stat"))?.[1]) / 1e6
      : Number(this.#read("cpuacct.usage")) / 1e9;
  }

  /** When its processes have ended; the kernel may take a moment to notice, and then an empty group is left. */
  remove(): void {
    try {
      rmdirSync(this.#folder);
    } catch (error) {
      console.info(`(${this.#folder} is left: ${String(error)})`);
    }
  }

  #read(file: string): string {
    return readFileSync(path.join(this.#folder, file), "latin1");
  }
}
