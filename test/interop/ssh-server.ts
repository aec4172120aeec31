/** A real sshd for tests: its own configuration and keys in a temporary folder, an unprivileged port on loopback. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { HostKeyStore } from "../../images/remote/session.ts";

export interface TestSshd {
  readonly port: number;
  readonly folder: string;
  /** A key that is let in, and one that is not. */
  readonly key: string;
  readonly wrongKey: string;
  readonly hostKeyFile: string;
  /** Starts again with another host key, on the same port. */
  changeHostKey(): Promise<void>;
  stop(): Promise<void>;
}

export const hasSshd = exists("/usr/sbin/sshd") && process.getuid?.() === 0;

function exists(file: string): boolean {
  try {
    execFileSync("test", ["-x", file]);
    return true;
  } catch {
    return false;
  }
}

export async function startSshd(): Promise<TestSshd> {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-sshd-"));
  const port = await freePort();
  const file = (name: string) => path.join(folder, name);
  for (const name of ["host", "key", "wrong"]) {
    keygen(file(name));
  }
  mkdirSync("/run/sshd", { recursive: true });
  execFileSync("cp", [`${file("key")}.pub`, file("authorized_keys")]);
  writeFileSync(
    file("config"),
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${file("host")}`,
      `PidFile ${file("pid")}`,
      `AuthorizedKeysFile ${file("authorized_keys")}`,
      "StrictModes no",
      "UsePAM no",
      "PermitRootLogin prohibit-password",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "MaxStartups 100",
      // A bash that believes itself to be an inner one leaves out what the user of this machine has in .bashrc.
      "SetEnv SHLVL=2",
      "",
    ].join("\n"),
  );
  let child = await launch(file("config"), port);
  return {
    port,
    folder,
    key: file("key"),
    wrongKey: file("wrong"),
    hostKeyFile: file("host"),
    async changeHostKey() {
      await end(child);
      rmSync(file("host"));
      keygen(file("host"));
      child = await launch(file("config"), port);
    },
    async stop() {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function keygen(file: string): void {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file], {
    stdio: "ignore",
    input: "y\n",
  });
}

async function launch(config: string, port: number): Promise<ChildProcess> {
  const child = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", config], { stdio: "ignore" });
  for (let i = 0; i < 100; i++) {
    if (await answers(port)) {
      return child;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("sshd did not start");
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("data", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Host keys in memory. */
export function memoryHostKeys(): HostKeyStore & { readonly pinned: Map<string, Uint8Array[]> } {
  const pinned = new Map<string, Uint8Array[]>();
  return {
    pinned,
    known: (host, port) => pinned.get(`${host}:${port}`) ?? [],
    pin(host, port, key) {
      pinned.set(`${host}:${port}`, [...(pinned.get(`${host}:${port}`) ?? []), key]);
    },
  };
}
