/**
 * A stream of members from a busybox's tar, which ends in the middle of a member when a file becomes shorter while it is read. The member is
 * filled up with zeros, to be thrown away, and what was to come after it is asked for anew.
 */
import { AppError } from "../../base/errors.ts";
import { escapePath, type RelPath } from "../../base/path-bytes.ts";
import type { RemoteProcess } from "../remote/session.ts";
import { TarDecoder } from "../tar/decode.ts";
import type { TarEvent } from "../tar/events.ts";
import { paddingOf } from "../tar/header.ts";
import { tarError } from "../tar/stream.ts";

/** What is filled up at most: the size is the client's word, and zeros cost it nothing. */
const mostZeros = 4 * 1024 ** 3;

export interface WholeStream extends RemoteProcess {
  /** Files that became shorter: what came of them is no file. Complete when the stream has ended. */
  readonly shortened: readonly RelPath[];
}

/**
 * As one process what takes several: `start` begins one that sends the members of these paths. Errors of the stream, which the process ends
 * with too: `hostile` where it is no archive, `remote-failed` where a file lacks more than is filled up.
 */
export async function wholeMembers(
  start: (paths: Iterable<RelPath>) => Promise<RemoteProcess>,
  paths: Iterable<RelPath>,
): Promise<WholeStream> {
  const shortened: RelPath[] = [];
  let running = await start(paths);
  let said = "";
  let ended: (exit: Awaited<RemoteProcess["exit"]>) => void = () => undefined;
  let failed: (error: unknown) => void = () => undefined;
  const exit = new Promise<Awaited<RemoteProcess["exit"]>>((resolve, reject) => {
    ended = resolve;
    failed = reject;
  });
  // It is looked at after the stream, whose own error comes first.
  exit.catch(() => undefined);
  async function* stdout(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const watch = new MemberWatch();
        for await (const chunk of running.stdout) {
          watch.write(chunk);
          yield chunk;
        }
        const { code, stderr } = await running.exit;
        said += stderr;
        const open = watch.open;
        if (open === undefined || !stderr.includes("short read")) {
          ended({ code, stderr: said });
          return;
        }
        if (open.missing > mostZeros) {
          throw tooShort(open.path);
        }
        shortened.push(open.path);
        yield* zeros(open.missing);
        running = await start(after(paths, open.path));
      }
    } catch (error) {
      failed(error);
      throw error;
    }
  }
  return { stdout: stdout(), exit, shortened };
}

function tooShort(path: RelPath): AppError {
  return new AppError(
    "remote-failed",
    `'${escapePath(path)}' became shorter by over 4 GiB while it was read, and the client's tar ended there`,
    { hint: "Run the capture again: what arrived is kept. Exclude files that are written all the time." },
  );
}

/** Reads along, to know at the end which member is not complete. */
class MemberWatch {
  readonly #decoder = new TarDecoder({ sink: (event) => this.#event(event), concatenated: true });
  open: { readonly path: RelPath; readonly missing: number } | undefined;

  write(chunk: Uint8Array): void {
    const decoded = this.#decoder.write(chunk);
    if (!decoded.ok) {
      throw tarError(decoded.error, "the archive");
    }
  }

  #event(event: TarEvent): void {
    if (event.kind === "entry") {
      const missing = event.dataLength + paddingOf(event.dataLength);
      this.open = missing === 0 ? undefined : { path: event.entry.path, missing };
    } else if (event.kind === "data" && this.open !== undefined) {
      this.open = { path: this.open.path, missing: this.open.missing - event.bytes.length };
    } else if (event.kind === "entry-end") {
      this.open = undefined;
    }
  }
}

function* after(paths: Iterable<RelPath>, last: RelPath): Generator<RelPath> {
  let found = false;
  for (const path of paths) {
    if (found) {
      yield path;
    }
    found ||= path === last;
  }
}

function* zeros(length: number): Generator<Uint8Array> {
  const block = new Uint8Array(Math.min(length, 64 * 1024));
  for (let left = length; left > 0; left -= block.length) {
    yield left < block.length ? block.subarray(0, left) : block;
  }
}
