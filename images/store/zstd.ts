/** The zstd program: a run for some frames to compress, one run for any sequence of frames to decompress. */
import { once } from "../../base/async.ts";
import { AppError } from "../../base/errors.ts";
import { type LocalProcess, runProcess, startProcess } from "../../base/process.ts";
import { noSpace } from "./durable-file.ts";

/** Compresses bytes to one frame that states its content's size and carries a checksum. */
export async function compressFrame(
  bytes: Uint8Array,
  options: { readonly level: number; readonly signal?: AbortSignal },
): Promise<Uint8Array> {
  const argv = ["zstd", "-q", "-c", `-${options.level}`, "--single-thread", `--stream-size=${bytes.length}`];
  const result = await runProcess(argv, {
    stdin: once(bytes),
    limit: bytes.length + 65536 + bytes.length / 64,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (result.code !== 0) {
    throw new AppError("io", `Cannot compress: zstd said '${result.stderr.trim()}'`);
  }
  return result.stdout;
}

/**
 * Compresses files to one frame each, `FILE.zst`, and removes them. One process for several: starting one costs as much as
 * compressing a megabyte.
 */
export async function compressFiles(
  files: readonly string[],
  options: { readonly level: number; readonly signal?: AbortSignal },
): Promise<void> {
  const argv = ["zstd", "-q", "--rm", `-${options.level}`, "--single-thread", "--", ...files];
  const { code, stderr } = await runProcess(
    argv,
    options.signal === undefined ? {} : { signal: options.signal },
  );
  if (code !== 0) {
    throw /No space left|Disk quota/i.test(stderr)
      ? noSpace(files[0] ?? "")
      : new AppError("io", `Cannot compress: zstd said '${stderr.trim()}'`);
  }
}

/** Compresses a stream. */
export function startCompression(
  source: AsyncIterable<Uint8Array>,
  options: { readonly level: number; readonly signal?: AbortSignal },
): LocalProcess {
  return startProcess(["zstd", "-q", "-c", `-${options.level}`, "--single-thread"], {
    stdin: source,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

/** Decompresses frames. The exit code tells whether all were sound; what came before a damaged one is handed out. */
export function startDecompression(
  source: AsyncIterable<Uint8Array>,
  options: { readonly signal?: AbortSignal } = {},
): LocalProcess {
  return startProcess(["zstd", "-q", "-d", "-c"], {
    stdin: source,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}
