/**
 * Mounts that nobody else sees and that cannot be left behind: they live in a mount namespace whose one process ends with
 * its standard input, and that ends with this process. Loop devices are freed with the mounts that use them.
 */
import { AppError } from "../../base/errors.ts";
import { runProcess, startProcess } from "../../base/process.ts";

export interface MountNamespace {
  /** How a path inside is reached from outside. */
  outside(path: string): string;
  run(
    argv: readonly string[],
  ): Promise<{ readonly code: number; readonly output: string; readonly said: string }>;
  close(): Promise<void>;
}

const holder = "echo $$; exec cat >/dev/null";

export async function openMountNamespace(options: {
  readonly signal?: AbortSignal;
}): Promise<MountNamespace> {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const running = startProcess(["unshare", "--mount", "--propagation", "private", "sh", "-c", holder], {
    ...options,
    stdin: until(ended),
  });
  const output = running.stdout[Symbol.asyncIterator]();
  const first = await output.next();
  const pid = /^\d+/.exec(first.done === true ? "" : Buffer.from(first.value).toString("latin1"))?.[0];
  if (pid === undefined) {
    end();
    const { stderr } = await running.exit;
    throw new AppError("io", `Cannot make a mount namespace: ${stderr.trim()}`, { hint: "It needs root." });
  }
  return {
    outside: (path) => `/proc/${pid}/root${path}`,
    async run(argv) {
      const entered = ["nsenter", `--target=${pid}`, "--mount", "--wd=/", "--", ...argv];
      const { code, stdout, stderr } = await runProcess(entered, options);
      return {
        code,
        output: Buffer.from(stdout).toString("latin1"),
        said: stderr.trim().split("\n").at(-1) ?? "",
      };
    },
    async close() {
      end();
      await running.exit.catch(() => undefined);
      await output.return?.();
    },
  };
}

async function* until(ended: Promise<void>): AsyncGenerator<Uint8Array> {
  await ended;
  yield new Uint8Array(0);
}
