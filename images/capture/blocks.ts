/**
 * Moves changed files of some size as blocks. The client digests its file block by block and shows the head of its tar archive, which
 * has the metadata and the attributes; the image's copy is digested here; only blocks that differ are read over the wire. The
 * file is put together as a tar member, so it is staged and renamed into place as any other.
 */
import { closeSync } from "node:fs";
import { bothOf } from "../../base/async.ts";
import { toLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { sh, trustedShell } from "../../base/posix-quote.ts";
import type { FileEntry, FileEntryRegular } from "../entry.ts";
import { type DigestProgram, digestBlocks, linesLimit } from "../remote/block-digests.ts";
import { digestOf } from "../remote/block-hash.ts";
import type { KnownBlocks } from "../remote/known-blocks.ts";
import type { RemoteSession } from "../remote/session.ts";
import { TarDecoder } from "../tar/decode.ts";
import { type TarMember, writeTar } from "../tar/stream.ts";
import { TreeRoot } from "../tree/root.ts";
import { oneMemberTar, type TarAbilities } from "../tree/tar-tool.ts";
import { type BlockedFile, type BlockFile, blockRuns, parseAnswers, runLength } from "./block-plan.ts";
import { markOf, pieces, standingDigests } from "./standing-blocks.ts";

interface Place {
  readonly session: RemoteSession;
  /** On the client. */
  readonly root: string;
  /** The image's tree. */
  readonly tree: string;
  readonly signal?: AbortSignal;
}

const headBytes = 65536;

/** Asks the client about files that stand in the tree too. Those that it cannot tell about are left out. */
export async function askBlocks(
  place: Place & {
    readonly tools: TarAbilities;
    readonly program: DigestProgram;
    readonly known: KnownBlocks;
  },
  files: readonly BlockFile[],
): Promise<readonly BlockedFile[]> {
  const { session, signal, program } = place;
  // One line for the head, then one for each block.
  const each = sh`f=$4
printf 'file '
{ ${{ raw: oneMemberTar(place.tools, { sparse: false }) }}; } 2>/dev/null | head -c ${headBytes} | od -An -v -tx1 | tr -d ' \\n'
echo
${{ raw: digestBlocks }}`;
  const command = sh`cd ${place.root} && LC_ALL=C exec xargs -0 -n 4 sh -c ${each} ingot`;
  const asking = session.run(command, {
    stdin: words(
      files.map(({ entry, block }) => [
        program,
        String(block),
        String(Math.ceil(entry.size / block)),
        `./${entry.path}`,
      ]),
    ),
    limit: files.reduce((sum, file) => sum + 3 * headBytes + linesLimit(file.entry.size / file.block), 0),
    ...(signal === undefined ? {} : { signal }),
  });
  // The image's copies are digested while the client is at work.
  const [{ stdout }, own] = await bothOf(asking, standingDigests(place, files));
  const known: BlockedFile[] = [];
  for (const [index, answer] of parseAnswers(toLatin1(stdout), files, program).entries()) {
    const [file, standing] = [files[index], own[index]];
    const member = answer === undefined ? undefined : memberOf(Buffer.from(answer.head, "hex"));
    if (
      file !== undefined &&
      standing !== undefined &&
      answer !== undefined &&
      member?.path === file.entry.path
    ) {
      const { digests } = answer;
      const runs = blockRuns(digests, standing.digests);
      known.push({ ...file, member, digests, runs, standing, program });
    }
  }
  return known;
}

/** Bytes that come over the wire for these files. */
export function wireBytes(files: readonly BlockedFile[]): number {
  return files.reduce(
    (sum, file) =>
      sum + file.runs.reduce((part, run) => part + (run.from === "client" ? runLength(run, file) : 0), 0),
    0,
  );
}

export interface Fetching extends Place {
  readonly hold: (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
}

/** Fetches the blocks that differ. A file that is not any more what was asked about is found by `changed`, to be asked at the end. */
export async function fetchBlocks(
  place: Fetching,
  files: readonly BlockedFile[],
): Promise<{ readonly wire: Exact; readonly changed: () => Promise<readonly RelPath[]> }> {
  const { session, signal } = place;
  const fetched = files.flatMap((file) =>
    file.runs
      .filter((run) => run.from === "client")
      .map((run) => [String(file.block), String(run.first), String(run.count), `./${file.entry.path}`]),
  );
  const running =
    fetched.length === 0
      ? undefined
      : await session.exec(
          sh`cd ${place.root} && exec xargs -0 -n 4 sh -c ${trustedShell('exec dd if="$4" bs="$1" skip="$2" count="$3" 2>/dev/null')} ingot`,
          { stdin: words(fetched), ...(signal === undefined ? {} : { signal }) },
        );
  return {
    wire: new Exact(running === undefined ? nothing() : place.hold(running.stdout)),
    changed: async () => {
      await running?.exit;
      return await changedSince(place, files);
    },
  };
}

/** A tar of the files in that order. A block that is not what was asked about is found by `torn`, to be read at the end. */
export async function streamBlocks(
  place: Fetching,
  files: readonly BlockedFile[],
): Promise<{ readonly tar: AsyncIterable<Uint8Array>; readonly torn: () => Promise<readonly RelPath[]> }> {
  const { wire, changed } = await fetchBlocks(place, files);
  const bad = new Set<RelPath>();
  const root = new TreeRoot(place.tree);
  async function* members(): AsyncGenerator<TarMember> {
    for (const file of files) {
      yield { entry: file.member, content: contentOf(file, { root, wire, bad }) };
    }
  }
  async function* tar(): AsyncGenerator<Uint8Array> {
    try {
      yield* writeTar(members());
      await wire.end();
    } finally {
      root.close();
    }
  }
  return { tar: tar(), torn: async () => [...new Set([...bad, ...(await changed())])] };
}

async function* contentOf(
  file: BlockedFile,
  sources: { readonly root: TreeRoot; readonly wire: Exact; readonly bad: Set<RelPath> },
): AsyncGenerator<Uint8Array> {
  const fd = sources.root.openRead(file.entry.path);
  // Somebody may be at work in the image's tree.
  const check = () => {
    if (markOf(fd) !== file.standing.mark) {
      sources.bad.add(file.entry.path);
    }
  };
  try {
    check();
    for (const run of file.runs) {
      if (run.from === "tree") {
        yield* pieces(fd, { start: run.first * file.block, length: runLength(run, file) });
        continue;
      }
      for (let index = run.first; index < run.first + run.count; index++) {
        const bytes = await sources.wire.take(Math.min(file.block, file.entry.size - index * file.block));
        if (digestOf(file.program, bytes) !== file.digests[index]) {
          sources.bad.add(file.entry.path);
        }
        yield bytes;
      }
    }
    check();
  } finally {
    closeSync(fd);
  }
}

/** Files whose ctime is not the listed one any more. */
async function changedSince(place: Place, files: readonly BlockedFile[]): Promise<readonly RelPath[]> {
  const { session, signal } = place;
  const command = sh`cd ${place.root} && LC_ALL=C xargs -0 sh -c ${trustedShell('exec find "$@" -maxdepth 0 -printf "%C@ %s\\n"')} ingot`;
  const { stdout } = await session.run(command, {
    stdin: words(files.map((file) => [`./${file.entry.path}`])),
    limit: files.length * 100 + 1024,
    ...(signal === undefined ? {} : { signal }),
  });
  const lines = toLatin1(stdout).split("\n");
  return files
    .filter((file, index) => lines[index] !== `${file.ctime} ${file.entry.size}`)
    .map((file) => file.entry.path);
}

function memberOf(head: Uint8Array): FileEntryRegular | undefined {
  const decoded = new TarDecoder().write(head);
  const first = decoded.ok ? decoded.value.find((event) => event.kind === "entry") : undefined;
  const entry: FileEntry | undefined =
    first?.kind === "entry" && first.sparse === undefined ? first.entry : undefined;
  return entry?.kind === "file" ? entry : undefined;
}

/** Takes exact lengths off a stream. */
export class Exact {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async take(length: number): Promise<Uint8Array> {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      if (this.#held.length === 0) {
        const step = await this.#source.next();
        if (step.done === true) {
          throw new AppError("remote-failed", "A file became shorter while its changed blocks were read", {
            hint: "Run the capture again.",
          });
        }
        this.#held = step.value;
      }
      const part = this.#held.subarray(0, length - done);
      bytes.set(part, done);
      done += part.length;
      this.#held = this.#held.subarray(part.length);
    }
    return bytes;
  }

  /** Reads to the end, where nothing more should be. */
  async end(): Promise<void> {
    for (let step = await this.#source.next(); step.done !== true; step = await this.#source.next()) {
      // A file that has grown: its ctime tells.
    }
  }
}

async function* words(records: readonly (readonly string[])[]): AsyncGenerator<Uint8Array> {
  for (const record of records) {
    yield Buffer.from(record.map((word) => `${word}\0`).join(""), "latin1");
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  yield* [];
}
