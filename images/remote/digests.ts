/** Has a machine digest files of its tree: whole, or block by block. */
import { toLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import { sh } from "../../base/posix-quote.ts";
import { memberNames } from "../tree/tar-tool.ts";
import { type DigestProgram, digestBlocks, linesLimit, parseBlockDigests } from "./block-digests.ts";
import type { RemoteSession } from "./session.ts";

interface Place {
  /** Absolute, on the machine. */
  readonly root: string;
  readonly signal?: AbortSignal;
}

/** Tells the SHA-256 of each file, lower-case hex, in the order of the paths. Of what could not be read nothing is told. */
export async function fileDigests(
  session: RemoteSession,
  request: Place & {
    readonly paths: Iterable<RelPath>;
    readonly onDigest: (path: RelPath, digest: string) => void;
  },
): Promise<void> {
  const running = await session.exec(
    sh`cd ${request.root} && LC_ALL=C xargs -0 -r sha256sum -- 2>/dev/null`,
    {
      stdin: memberNames(request.paths),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    },
  );
  const parser = new DigestParser(request.onDigest);
  for await (const chunk of running.stdout) {
    if (!parser.write(toLatin1(chunk))) {
      throw new AppError("hostile", `A line of sha256sum on ${session.host} does not end`);
    }
  }
  parser.end();
  await running.exit;
}

/** No name is longer, each of its letters escaped. */
const maxLine = 1024 * 1024;

/** Reads sha256sum's lines. One whose name holds a newline or a backslash starts with a backslash and has them escaped. */
export class DigestParser {
  readonly #onDigest: (path: RelPath, digest: string) => void;
  #rest = "";

  constructor(onDigest: (path: RelPath, digest: string) => void) {
    this.#onDigest = onDigest;
  }

  /** False where a line is longer than any can be. */
  write(text: string): boolean {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      this.#line(line);
    }
    return this.#rest.length < maxLine;
  }

  end(): void {
    this.#line(this.#rest);
    this.#rest = "";
  }

  #line(line: string): void {
    const match = /^(\\?)([0-9a-f]{64}) [ *](.*)$/s.exec(line);
    const name = match?.[1] === "" ? match[3] : match?.[3]?.replace(/\\([\\nr])/g, unescapeLetter);
    const path = name === undefined ? undefined : parseRelPath(name);
    if (path?.ok === true && match?.[2] !== undefined) {
      this.#onDigest(path.value, match[2]);
    }
  }
}

function unescapeLetter(_: string, letter: string): string {
  return letter === "n" ? "\n" : letter === "r" ? "\r" : "\\";
}

export interface DigestedFile {
  readonly path: RelPath;
  readonly size: number;
  readonly block: number;
}

/** The digests of each file's blocks, in the order of the files; undefined where they are not as many as the size needs. */
export async function blockDigests(
  session: RemoteSession,
  request: Place & { readonly files: readonly DigestedFile[]; readonly program: DigestProgram },
): Promise<readonly (readonly string[] | undefined)[]> {
  const { files, program } = request;
  const each = sh`echo file
${{ raw: digestBlocks }}`;
  const { stdout } = await session.run(
    sh`cd ${request.root} && LC_ALL=C exec xargs -0 -r -n 4 sh -c ${each} ingot`,
    {
      stdin: words(files, program),
      limit: files.reduce((sum, file) => sum + linesLimit(blockCount(file)), 0),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    },
  );
  const parts = toLatin1(stdout).split("file\n").slice(1);
  return files.map((file, index) =>
    parseBlockDigests((parts[index] ?? "").trimEnd().split("\n"), blockCount(file), program),
  );
}

function blockCount(file: DigestedFile): number {
  return Math.ceil(file.size / file.block);
}

async function* words(files: readonly DigestedFile[], program: DigestProgram): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    yield Buffer.from(`${program}\0${file.block}\0${blockCount(file)}\0./${file.path}\0`, "latin1");
  }
}
