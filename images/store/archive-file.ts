/** A tar file of somebody else's, compressed in any way that the server has a program for. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { AppError, toAppError } from "../../base/errors.ts";
import { startProcess } from "../../base/process.ts";
import { readExactly } from "./durable-file.ts";

const compressions: readonly { readonly magic: RegExp; readonly program: string }[] = [
  // RFC 8878: a frame, or a skippable frame before it.
  { magic: /^(?:28b52ffd|5[0-9a-f]2a4d18)/, program: "zstd" },
  { magic: /^1f8b/, program: "gzip" },
  { magic: /^fd377a585a00/, program: "xz" },
  { magic: /^425a68/, program: "bzip2" },
];

/** The uncompressed bytes. Damaged or cut compressed data is `hostile`, with how far it could be read. */
export async function* readArchiveFile(
  file: string,
  options: { readonly signal?: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const program = await compressionOf(file);
  const source = createReadStream(file, { highWaterMark: 256 * 1024 }) as AsyncIterable<Uint8Array>;
  if (program === undefined) {
    yield* source;
    return;
  }
  const running = startProcess([program, "-q", "-d", "-c"], { ...options, stdin: source });
  let length = 0;
  for await (const bytes of running.stdout) {
    length += bytes.length;
    yield bytes;
  }
  const { code, stderr } = await running.exit;
  if (code !== 0) {
    throw new AppError(
      "hostile",
      `Refused ${file}: it is damaged or cut short, byte ${length} of what it unpacks to: ${program} said '${stderr.trim().split("\n").at(-1) ?? ""}'`,
      { fields: { file, offset: length } },
    );
  }
}

/** The program that unpacks the file, by its first bytes; undefined where it is not compressed. */
export async function compressionOf(file: string): Promise<string | undefined> {
  const handle = await open(file, "r").catch((error: unknown) => {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const known = toAppError(error, "internal");
    throw new AppError(missing ? "not-found" : known.code, `Cannot read ${file}: ${known.message}`, {
      cause: error,
      hint: "The daemon reads the file: it must be on the server.",
    });
  });
  try {
    if (!(await handle.stat()).isFile()) {
      throw new AppError("bad-input", `${file} is no file`);
    }
    const head = (await readExactly(handle, { position: 0, length: 6 }))?.toString("hex") ?? "";
    return compressions.find(({ magic }) => magic.test(head))?.program;
  } finally {
    await handle.close();
  }
}
