/** Runs a command and tells wall time, CPU of all its processes, peak memory of the largest, and bytes over the wire. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

export interface Sample {
  readonly wall: number;
  /** User and system seconds of every process on both sides, the peer's sshd included. */
  readonly cpu: number;
  /** MiB, of the largest process that the command started on this side. */
  readonly peak: number;
  /** MB that came in over loopback while it ran. */
  readonly wire: number;
}

/**
 * Both sides run here, and sshd's children are nobody's children that we could ask; so CPU is the difference of what the
 * kernel counted for the given control group of processes: those of the command, and those of sshd.
 */
export async function measure(shell: string, sshdPid: number): Promise<Sample> {
  const other = await otherSide(sshdPid);
  const own = waitedCpu(process.pid);
  const begun = performance.now();
  const child = spawn("/usr/bin/time", ["-f", "%M", "sh", "-c", shell], {
    stdio: ["ignore", "inherit", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number];
  const wall = (performance.now() - begun) / 1000;
  if (code !== 0) {
    throw new Error(`${shell}: ${said}`);
  }
  const { cpu, wire } = await other();
  return {
    wall,
    cpu: waitedCpu(process.pid) - own + cpu,
    peak: Number(said.trim().split("\n").at(-1)) / 1024,
    wire,
  };
}

/** Begins to count what sshd's children take and what goes over loopback; the function that it returns tells. */
export async function otherSide(
  sshdPid: number,
): Promise<() => Promise<{ readonly cpu: number; readonly wire: number }>> {
  await settled(sshdPid);
  const wire = loopbackBytes();
  const remote = waitedCpu(sshdPid);
  return async () => {
    await settled(sshdPid);
    return { cpu: waitedCpu(sshdPid) - remote, wire: (loopbackBytes() - wire) / 1e6 };
  };
}

/** CPU seconds of the children that a process has waited for, and of theirs. */
function waitedCpu(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** Until sshd has waited for the process of the last connection. */
async function settled(pid: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim() === "") {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function loopbackBytes(): number {
  const line = /^\s*lo:\s*(\d+)/m.exec(readFileSync("/proc/net/dev", "latin1"));
  return Number(line?.[1] ?? 0);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
