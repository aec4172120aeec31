/** Sessions over SSH: the only user of ssh2. A connection's life is here; one command's is in channel.ts. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Duplex } from "node:stream";
import ssh2, { type AnyAuthMethod, Client, type ConnectConfig, type ServerHostKeyAlgorithm } from "ssh2";
import { readAll } from "../../base/async.ts";
import { AppError } from "../../base/errors.ts";
import { discardLog, type Log } from "../../base/ports.ts";
import { type ShellText, sh } from "../../base/posix-quote.ts";
import { type ExecChannel, runChannel } from "./channel.ts";
import { hostKeyAlgorithms, judgeHostKey } from "./host-key.ts";
import type {
  ExecOptions,
  HostKeyStore,
  RemoteConnector,
  RemoteProcess,
  RemoteSession,
  RemoteTarget,
} from "./session.ts";

export interface SshConnectorOptions {
  readonly hostKeys: HostKeyStore;
  /** Private key files, tried in order after the agent's keys. One that cannot be read or used is named if all fail. */
  readonly keyFiles?: readonly string[];
  /** Socket of an SSH agent: the value of SSH_AUTH_SOCK. */
  readonly agent?: string;
  /** Runs every command through `sudo -n` where the user is not root. */
  readonly sudo?: boolean;
  /** Milliseconds until a machine that does not answer is given up; 20 s unless told. */
  readonly connectTimeout?: number;
  /** Milliseconds between signs of life; after three unanswered ones the connection is dead. 15 s unless told. */
  readonly keepaliveInterval?: number;
  /** Opens the byte stream to a target where it is not a plain TCP connection: a jump host, a proxy command. */
  readonly openStream?: (target: RemoteTarget, options: { readonly signal?: AbortSignal }) => Promise<Duplex>;
  readonly log?: Log;
}

interface Identity {
  readonly type: "publickey";
  readonly username: string;
  readonly key: Buffer;
}

interface Identities {
  readonly usable: readonly Identity[];
  /** For the message when the machine refuses: which keys were tried, and which could not be. */
  readonly tried: readonly string[];
}

/** AES-GCM moves twice the bytes per CPU second of chacha20-poly1305, which most servers would choose. */
const ciphers = [
  "aes128-gcm@openssh.com",
  "aes256-gcm@openssh.com",
  "aes128-gcm",
  "aes256-gcm",
  "chacha20-poly1305@openssh.com",
  "aes128-ctr",
  "aes256-ctr",
] as const;

/** Makes a connector that reaches machines over SSH. */
export function sshConnector(options: SshConnectorOptions): RemoteConnector {
  return { connect: (target, waiting = {}) => connect(target, { ...options, ...waiting }) };
}

/** `SHA256:` and unpadded base64, as ssh-keygen -l prints it. */
export function fingerprint(key: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

async function connect(
  target: RemoteTarget,
  options: SshConnectorOptions & { readonly signal?: AbortSignal },
): Promise<RemoteSession> {
  const { signal } = options;
  if (signal?.aborted === true) {
    throw new AppError("cancelled", `Connecting to ${where(target)} was stopped on request`);
  }
  const identities = await loadIdentities(options, target);
  const stream = await options.openStream?.(target, signal === undefined ? {} : { signal });
  const client = new Client();
  const pinned = options.hostKeys.known(target.host, target.port);
  let shown: Uint8Array | undefined;
  let refusal: AppError | undefined;
  const methods: AnyAuthMethod[] = [
    ...(options.agent === undefined
      ? []
      : [{ type: "agent" as const, username: target.user, agent: options.agent }]),
    ...identities.usable,
  ];
  const config: ConnectConfig = {
    host: target.host,
    port: target.port,
    username: target.user,
    readyTimeout: options.connectTimeout ?? 20_000,
    keepaliveInterval: options.keepaliveInterval ?? 15_000,
    keepaliveCountMax: 3,
    algorithms: {
      cipher: [...ciphers],
      serverHostKey: [...hostKeyAlgorithms(pinned)] as ServerHostKeyAlgorithm[],
    },
    hostVerifier: (key: Buffer) => {
      shown = Uint8Array.from(key);
      const verdict = judgeHostKey(pinned, shown);
      if (verdict.kind === "changed") {
        refusal = changedKey(target, verdict.pinned, shown);
      }
      return verdict.kind !== "changed";
    },
    authHandler: methods,
    ...(stream === undefined ? {} : { sock: stream }),
  };
  // The key exchange has proved by now that the host holds the key: a key that was only shown is never pinned.
  client.once("handshake", () => {
    if (pinned.length === 0 && shown !== undefined) {
      options.hostKeys.pin(target.host, target.port, shown);
      (options.log ?? discardLog).info("Host key pinned at first contact", {
        host: target.host,
        port: target.port,
        fingerprint: fingerprint(shown),
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    function fail(error: unknown): void {
      signal?.removeEventListener("abort", abort);
      client.destroy();
      reject(refusal ?? connectError(error, { target, tried: identities.tried }));
    }
    function abort(): void {
      fail(new AppError("cancelled", `Connecting to ${where(target)} was stopped on request`));
    }
    signal?.addEventListener("abort", abort, { once: true });
    client.once("ready", () => {
      signal?.removeEventListener("abort", abort);
      // Small packets (commands, windows) would wait for the acknowledgement of the one before.
      client.setNoDelay(true);
      resolve();
    });
    client.on("error", fail);
    client.once("close", () => fail(new Error("the connection was closed")));
    try {
      client.connect(config);
    } catch (error) {
      fail(error);
    }
  });
  return session(client, target, options);
}

function session(client: Client, target: RemoteTarget, options: SshConnectorOptions): RemoteSession {
  const sudo = options.sudo === true && target.user !== "root";
  let lost: unknown;
  let closed = false;
  client.on("error", (error) => {
    lost ??= error;
  });
  client.once("close", () => {
    closed = true;
  });
  function broken(): AppError {
    return new AppError("unreachable", `The connection to ${where(target)} broke`, {
      cause: lost,
      hint: "Check that the machine is up and its network works, then run the command again: it goes on where it was.",
    });
  }
  async function exec(command: ShellText, execOptions: ExecOptions = {}): Promise<RemoteProcess> {
    if (closed) {
      throw broken();
    }
    const text = sudo ? sh`sudo -n -- sh -c ${command}` : command;
    const what = `A command on ${target.host}`;
    const run = (channel: ExecChannel) => runChannel(channel, { ...execOptions, broken, what });
    return await openChannel(client, text, run).catch((error: unknown) => {
      throw closed
        ? broken()
        : new AppError("remote-failed", `${where(target)} refuses to run a command: ${messageOf(error)}`, {
            cause: error,
            hint: "Its sshd may forbid commands (ForceCommand, MaxSessions, a login shell of nologin).",
          });
    });
  }
  return {
    host: target.host,
    exec,
    async run(command, runOptions = {}) {
      const running = await exec(command, runOptions);
      const stdout = await readAll(running.stdout, {
        limit: runOptions.limit ?? 1024 * 1024,
        what: `the output of a command on ${target.host}`,
      });
      const { code, stderr } = await running.exit;
      if (sudo && code !== 0 && /^sudo: /m.test(stderr) && /password|not allowed|sudoers|tty/.test(stderr)) {
        throw new AppError("remote-auth", `${where(target)} may not use sudo without a password`, {
          hint: `Let ${target.user} run commands by sudo (NOPASSWD), or connect as root.`,
        });
      }
      return { code, stdout, stderr };
    },
    async close() {
      if (!closed) {
        const ended = new Promise<void>((resolve) => {
          client.once("close", () => resolve());
        });
        client.end();
        await ended;
      }
    },
  };
}

/** `run` is called at once: a command that ends at once may have all of its news in the packet that tells of its start. */
function openChannel<T>(client: Client, command: ShellText, run: (channel: ExecChannel) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    // A Buffer, which the types do not know of: a string would be sent as UTF-8, and path bytes are latin1 here.
    const bytes = Buffer.from(command, "latin1") as unknown as string;
    client.exec(bytes, (error, channel) => {
      if (error) {
        reject(error);
      } else {
        resolve(run(channel));
      }
    });
  });
}

async function loadIdentities(options: SshConnectorOptions, target: RemoteTarget): Promise<Identities> {
  const usable: Identity[] = [];
  const tried = options.agent === undefined ? [] : [`the keys of the agent at ${options.agent}`];
  for (const file of options.keyFiles ?? []) {
    const loaded = await loadKey(file);
    if (typeof loaded === "string") {
      tried.push(`${file} (not usable: ${loaded})`);
    } else {
      usable.push({ type: "publickey", username: target.user, key: loaded });
      tried.push(file);
    }
  }
  return { usable, tried };
}

async function loadKey(file: string): Promise<Buffer | string> {
  try {
    const text = await readFile(file);
    // Node cannot see this name of the CommonJS module ahead of running it, so it has no named import.
    const parsed = ssh2.utils.parseKey(text);
    if (parsed instanceof Error) {
      return /encrypted/i.test(parsed.message)
        ? "it has a passphrase: load it into an agent"
        : parsed.message;
    }
    return text;
  } catch (error) {
    return messageOf(error);
  }
}

function connectError(
  error: unknown,
  context: { readonly target: RemoteTarget; readonly tried: readonly string[] },
): AppError {
  if (error instanceof AppError) {
    return error;
  }
  const { target, tried } = context;
  const level = error instanceof Error && "level" in error ? String(error.level) : "";
  if (level === "client-authentication" || level === "agent") {
    const keys = tried.length === 0 ? "there was no key to try" : `tried ${tried.join(", ")}`;
    return new AppError(
      "remote-auth",
      `${target.host} refuses user ${target.user} (port ${target.port}): ${keys}`,
      {
        cause: error,
        hint: `Add the public key to ~${target.user}/.ssh/authorized_keys on ${target.host}, or name another key or user.`,
        fields: { host: target.host, port: target.port, user: target.user },
      },
    );
  }
  return new AppError("unreachable", `Cannot reach ${where(target)}: ${messageOf(error)}`, {
    cause: error,
    hint: "Check that the machine is up, that sshd runs on that port, and that no firewall is between.",
    fields: { host: target.host, port: target.port },
  });
}

function changedKey(target: RemoteTarget, pinned: readonly Uint8Array[], shown: Uint8Array): AppError {
  const before = pinned.map(fingerprint).join(", ");
  return new AppError(
    "host-key",
    `The SSH host key of ${target.host} port ${target.port} has changed: it was ${before}, it is now ${fingerprint(shown)}`,
    {
      hint: `If ${target.host} was reinstalled, compare with 'ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub' on its console, then forget the old key and try again. If it was not, somebody may be in between.`,
      fields: { host: target.host, port: target.port, pinned: before, shown: fingerprint(shown) },
    },
  );
}

function where(target: RemoteTarget): string {
  return `${target.user}@${target.host} port ${target.port}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
