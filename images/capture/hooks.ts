/**
 * The client's own commands around a capture: a database is quiesced or dumped before, and goes on after. A shell on the client keeps both:
 * it runs the first, waits for a word from here, and runs the second. It takes the end of the connection for that word, so the
 * second runs also where the line is cut or this side dies.
 */
import { toLatin1 } from "../../base/bytes.ts";
import { AppError, toAppError } from "../../base/errors.ts";
import { sh, trustedShell } from "../../base/posix-quote.ts";
import type { RemoteProcess } from "../remote/session.ts";
import type { CaptureRequest } from "./request.ts";

const codeMark = "\x1e";

type HookOption = "--before" | "--after";

/** Of what a command says its end is passed on, then the byte 0x1E and its exit code. */
const keeper = trustedShell(
  [
    'ingot_run() { { sh -c "$1" 2>&1; printf "\\036%s" "$?"; } </dev/null | tail -c 4000; echo; }',
    'ingot_run "$1"',
    "read -r ingot_word",
    'ingot_run "$2"',
  ].join("\n"),
);

/**
 * Runs `before`, the work, and `after`. `after` runs whatever happened, also on request to stop, because it undoes what `before` did.
 * Its own failure fails the capture, unless that has failed already: then it is added to the hint.
 */
export async function withHooks<T>(request: CaptureRequest, work: () => Promise<T>): Promise<T> {
  if (request.before === undefined && request.after === undefined) {
    return await work();
  }
  const hooks = await Hooks.begin(request);
  let result: T;
  try {
    await hooks.before();
    result = await work();
  } catch (error) {
    const failure = toAppError(error, "internal");
    const also = await hooks.after().then(
      () => undefined,
      (second: unknown) => toAppError(second, "internal"),
    );
    throw also === undefined
      ? failure
      : new AppError(failure.code, failure.message, {
          ...failure.details,
          hint: [failure.details.hint, `Besides, ${also.message}`].filter(Boolean).join(" "),
          cause: error,
        });
  }
  await hooks.after();
  return result;
}

class Hooks {
  readonly #request: CaptureRequest;
  readonly #running: RemoteProcess;
  readonly #output: AsyncIterator<Uint8Array>;
  readonly #release: () => void;
  readonly #kill: AbortController;
  #rest = "";

  private constructor(
    request: CaptureRequest,
    parts: { readonly running: RemoteProcess; readonly release: () => void; readonly kill: AbortController },
  ) {
    this.#request = request;
    this.#running = parts.running;
    this.#output = parts.running.stdout[Symbol.asyncIterator]();
    this.#release = parts.release;
    this.#kill = parts.kill;
  }

  static async begin(request: CaptureRequest): Promise<Hooks> {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* word(): AsyncGenerator<Uint8Array> {
      await released;
      yield Buffer.from("after\n");
    }
    // Not the capture's signal: one that was stopped must still put the client right.
    const kill = new AbortController();
    request.signal?.throwIfAborted();
    const running = await request.session.exec(
      sh`exec sh -c ${keeper} ingot ${bytesOf(request.before)} ${bytesOf(request.after)}`,
      { stdin: word(), signal: kill.signal },
    );
    return new Hooks(request, { running, release, kill });
  }

  /** Throws where it fails; where it is stopped, it is killed. */
  async before(): Promise<void> {
    const { signal, onProgress, before } = this.#request;
    if (before !== undefined) {
      onProgress?.({ phase: "before" });
    }
    const stop = () => this.#kill.abort();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      await this.#reply("--before");
    } finally {
      signal?.removeEventListener("abort", stop);
    }
    signal?.throwIfAborted();
  }

  async after(): Promise<void> {
    const { session, onProgress, after } = this.#request;
    if (after !== undefined) {
      onProgress?.({ phase: "after" });
    }
    if (this.#kill.signal.aborted) {
      const { code, stdout } = await session.run(sh`sh -c ${bytesOf(after)} 2>&1 </dev/null`);
      this.#judge("--after", { code, said: toLatin1(stdout) });
      return;
    }
    this.#release();
    try {
      await this.#reply("--after");
      await this.#running.exit;
    } catch (error) {
      const { code, message, details } = toAppError(error, "internal");
      throw code !== "unreachable" || after === undefined
        ? error
        : new AppError(code, message, {
            ...details,
            hint: `${session.host} runs the command of --after by itself as soon as its sshd notices`,
          });
    } finally {
      await this.#output.return?.();
    }
  }

  async #reply(option: HookOption): Promise<void> {
    for (;;) {
      // At the end of what has come: the command itself may say the byte, too.
      const mark = this.#rest.lastIndexOf(codeMark);
      const code = /^(\d{1,3})\n$/.exec(this.#rest.slice(mark + codeMark.length))?.[1];
      if (mark >= 0 && code !== undefined) {
        const said = this.#rest.slice(0, mark);
        this.#rest = "";
        this.#judge(option, { said, code: Number(code) });
        return;
      }
      const step = await this.#output.next();
      if (step.done === true || this.#rest.length > 65_536) {
        await this.#running.exit;
        throw new AppError(
          "remote-failed",
          `${this.#request.session.host} does not tell how the command of ${option} ended`,
        );
      }
      this.#rest += toLatin1(step.value);
    }
  }

  #judge(option: HookOption, ended: { readonly code: number; readonly said: string }): void {
    if (ended.code !== 0) {
      const text = option === "--before" ? this.#request.before : this.#request.after;
      throw new AppError(
        "remote-failed",
        `The command of ${option} failed on ${this.#request.session.host} with code ${ended.code}: ${text}`,
        { hint: Buffer.from(ended.said, "latin1").toString("utf8").trim().slice(-500) || "It said nothing." },
      );
    }
  }
}

/** An administrator's shell text as one word; where there is none, a command that does nothing. */
function bytesOf(text: string | undefined): string {
  return Buffer.from(text ?? ":", "utf8").toString("latin1");
}
