/** The client's own commands around a capture: a database is quiesced or dumped before, and goes on after. */
import { AppError, toAppError } from "../../base/errors.ts";
import { sh } from "../../base/posix-quote.ts";
import type { CaptureRequest } from "./request.ts";

/**
 * Runs `before`, the work, and `after`. `after` runs whatever happened, also on request to stop, because it undoes what `before` did.
 * Its own failure fails the capture, unless that has failed already: then it is added to the hint.
 */
export async function withHooks<T>(request: CaptureRequest, work: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    if (request.before !== undefined) {
      request.onProgress?.({ phase: "before" });
      await runHook(request, { option: "--before", text: request.before });
    }
    result = await work();
  } catch (error) {
    const failure = toAppError(error, "internal");
    const also = await runAfter(request).then(
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
  await runAfter(request);
  return result;
}

async function runAfter(request: CaptureRequest): Promise<void> {
  if (request.after !== undefined) {
    request.onProgress?.({ phase: "after" });
    // Without the signal: a capture that was stopped must still put the client right.
    const { signal: _, ...rest } = request;
    await runHook(rest, { option: "--after", text: request.after });
  }
}

async function runHook(
  request: Pick<CaptureRequest, "session" | "signal">,
  hook: { readonly option: string; readonly text: string },
): Promise<void> {
  const { session, signal } = request;
  // The administrator's own shell text, run as one.
  const command = sh`sh -c ${Buffer.from(hook.text, "utf8").toString("latin1")} 2>&1`;
  const { code, stdout } = await session.run(command, signal === undefined ? {} : { signal });
  if (code !== 0) {
    throw new AppError(
      "remote-failed",
      `The command of ${hook.option} failed on ${session.host} with code ${code}: ${hook.text}`,
      { hint: Buffer.from(stdout).toString("utf8").trim().slice(-500) || "It said nothing." },
    );
  }
}
