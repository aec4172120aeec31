/** A container archive's files, put into a folder under numbers: in the archive they come in any order, and under any names. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { escapePath, parentPath, parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import type { ProgressSink } from "../../base/ports.ts";
import { readArchiveFile } from "../store/archive-file.ts";
import { readExactly, writeFully } from "../store/durable-file.ts";
import { MemberCursor } from "../store/member-cursor.ts";
import { readTar } from "../tar/stream.ts";

interface SpooledFile {
  readonly file: string;
  readonly bytes: number;
  readonly digest: string;
}

interface SpoolOptions {
  /** An empty folder; the caller removes it. */
  readonly work: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressSink;
}

const maxFiles = 20_000;
const maxJson = 4 * 1024 * 1024;

export class Spool {
  readonly #what: string;
  readonly #files = new Map<RelPath, SpooledFile>();
  readonly #links = new Map<RelPath, string>();

  private constructor(what: string) {
    this.#what = what;
  }

  /** Reads the archive, which may be compressed, to its end. */
  static async of(archive: string, options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(archive);
    const signal = options.signal === undefined ? {} : { signal: options.signal };
    const cursor = new MemberCursor(readTar(readArchiveFile(archive, signal), { what: archive }));
    let total = 0;
    try {
      for (let member = await cursor.next(); member !== undefined; member = await cursor.next()) {
        const { entry } = member;
        if (spool.#files.size + spool.#links.size >= maxFiles) {
          throw new AppError(
            "hostile",
            `Refused ${archive}: over ${maxFiles} files, which is no container archive`,
          );
        }
        if (entry.kind === "symlink" || entry.kind === "hardlink") {
          spool.#links.set(entry.path, entry.kind === "symlink" ? entry.target : `/${entry.target}`);
        } else if (entry.kind === "file" && member.sparse === undefined) {
          const file = `${options.work}/${spool.#files.size}`;
          const written = await write(file, member.data, (bytes) => {
            options.signal?.throwIfAborted();
            total += bytes;
            options.onProgress?.({ phase: "unpack the archive", bytes: total });
          });
          spool.#files.set(entry.path, { file, ...written });
        } else if (entry.kind !== "directory") {
          throw new AppError(
            "hostile",
            `Refused ${archive} at member '${escapePath(entry.path)}': a container archive holds files, not a ${entry.kind === "file" ? "sparse one" : entry.kind}`,
          );
        }
      }
    } finally {
      await cursor.close();
    }
    return spool;
  }

  has(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  /** A small file, whole. With `digest`, it must be that. */
  async small(path: string, digest?: string): Promise<Uint8Array> {
    const found = this.need(path, digest);
    if (found.bytes > maxJson) {
      throw this.#refused(path, `it has ${found.bytes} bytes, and over ${maxJson} are not read`);
    }
    const handle = await open(found.file);
    try {
      return (await readExactly(handle, { position: 0, length: found.bytes })) ?? new Uint8Array();
    } finally {
      await handle.close();
    }
  }

  /** The file of a member; throws `hostile` where there is none, or not that content. */
  need(path: string, digest?: string): SpooledFile {
    const found = this.#find(path);
    if (found === undefined) {
      throw new AppError(
        "hostile",
        `Refused ${this.#what}: it names '${escapePath(path)}' and does not hold it`,
      );
    }
    if (digest !== undefined && digest !== `sha256:${found.digest}`) {
      throw this.#refused(path, `its content is sha256:${found.digest}, not ${digest}`);
    }
    return found;
  }

  #refused(path: string, why: string): AppError {
    return new AppError("hostile", `Refused ${this.#what} at member '${escapePath(path)}': ${why}`);
  }

  /** `docker save` of old wrote a layer once and links to it after that. */
  #find(path: string): SpooledFile | undefined {
    let at = parseRelPath(path);
    for (let round = 0; round < 16 && at.ok; round++) {
      const found = this.#files.get(at.value);
      const link = this.#links.get(at.value);
      if (found !== undefined || link === undefined) {
        return found;
      }
      at = parseRelPath(resolve(parentPath(at.value), link));
    }
    return undefined;
  }
}

/** A link's text, seen from the folder that the link is in; what leaves the archive stays a path that no member has. */
function resolve(folder: string, link: string): string {
  const parts = link.startsWith("/") ? [] : folder.split("/").filter((part) => part !== "");
  for (const part of link.split("/").filter((word) => word !== "" && word !== ".")) {
    if (part !== "..") {
      parts.push(part);
    } else if (parts.pop() === undefined) {
      return "";
    }
  }
  return parts.join("/");
}

async function write(
  file: string,
  data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  wrote: (bytes: number) => void,
): Promise<{ readonly bytes: number; readonly digest: string }> {
  const hash = createHash("sha256");
  const handle = await open(file, "wx", 0o600);
  let position = 0;
  try {
    for await (const chunk of data) {
      hash.update(chunk);
      await writeFully(handle, chunk, { file, position });
      position += chunk.length;
      wrote(chunk.length);
    }
  } finally {
    await handle.close();
  }
  return { bytes: position, digest: hash.digest("hex") };
}
