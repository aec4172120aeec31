/**
 * Who a process is, over its death and the reuse of its number: number, start time since boot, and the boot itself. What a
 * lock and an unfinished file are marked with.
 */
import { readFile } from "node:fs/promises";
import { pid as ownPid } from "node:process";

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot (proc(5), /proc/PID/stat field 22). */
  readonly startTime: string;
  /** The kernel's boot id, or its beginning. */
  readonly boot: string;
}

export async function ownIdentity(): Promise<ProcessIdentity> {
  return { pid: ownPid, startTime: (await startTimeOf(ownPid)) ?? "0", boot: await bootId() };
}

/** True while that very process runs. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (
    (await bootId()).startsWith(identity.boot) && (await startTimeOf(identity.pid)) === identity.startTime
  );
}

async function bootId(): Promise<string> {
  const text = await readFile("/proc/sys/kernel/random/boot_id", "latin1");
  return text.trim().replaceAll("-", "");
}

async function startTimeOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name in parentheses and may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
