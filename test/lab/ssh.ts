/** Runs commands on a lab's machines as root with the stock ssh program, from the server's namespace. */
import { basename } from "node:path";
import { inNamespace } from "./network.ts";
import { type RunOptions, type RunResult, run, waitFor } from "./run.ts";

export interface SshTarget {
  readonly namespace: string;
  readonly address: string;
  readonly keyFile: string;
  /** One file per machine. A key that was seen stays; another one on the same machine is an error, as it should be. */
  readonly knownHosts: string;
}

export function sshArguments(target: SshTarget): readonly string[] {
  const settings = [
    "BatchMode=yes",
    "ConnectTimeout=5",
    "IdentitiesOnly=yes",
    "StrictHostKeyChecking=accept-new",
    `UserKnownHostsFile=${target.knownHosts}`,
    "GlobalKnownHostsFile=/dev/null",
    "LogLevel=ERROR",
  ];
  return ["-F", "none", "-i", target.keyFile, ...settings.flatMap((setting) => ["-o", setting])];
}

/** Runs a shell command on a machine; throws when it fails, unless told to allow failure. */
export function ssh(target: SshTarget, command: string, options: RunOptions = {}): Promise<RunResult> {
  const words = [...inNamespace(target.namespace), "ssh", ...sshArguments(target), `root@${target.address}`];
  return run([...words, command], { timeoutMs: 120_000, ...options });
}

/** Copies local files into a folder on a machine. */
export async function copyTo(target: SshTarget, files: readonly string[], folder: string): Promise<void> {
  if (files.some((file) => basename(file) === "")) {
    throw new Error("A folder with a trailing slash has no name to be copied to");
  }
  const words = [...inNamespace(target.namespace), "scp", "-q", "-r", "-p", ...sshArguments(target)];
  await run([...words, "--", ...files, `root@${target.address}:${folder}/`]);
}

/** Waits until a machine lets root in; gives the milliseconds it took. */
export async function waitForSsh(
  target: SshTarget,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<number> {
  const start = Date.now();
  await waitFor(
    async () => {
      const result = await ssh(target, "true", { allowFailure: true, timeoutMs: 30_000 }).catch(
        () => undefined,
      );
      if (result?.stderr.includes("REMOTE HOST IDENTIFICATION HAS CHANGED")) {
        throw new Error(`${target.address} has another host key than before`);
      }
      return result?.code === 0 ? true : undefined;
    },
    { what: `SSH on ${target.address}`, timeoutMs, everyMs: 500, ...(signal && { signal }) },
  );
  return Date.now() - start;
}
