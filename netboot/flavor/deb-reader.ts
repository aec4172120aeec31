/**
 * Reads the files of a Debian package or of a tar archive: `dpkg-deb` unpacks a package's outer archive and compression, tar-stream
 * the members.
 */
import { Readable } from "node:stream";
import { extract, type Header } from "tar-stream";
import { readAll } from "../../base/async.ts";
import { AppError } from "../../base/errors.ts";
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import { mergedPath } from "./merged-path.ts";
import { startProgram } from "./program.ts";

export type DebEntry =
  | { readonly kind: "file"; readonly path: RelPath; readonly mode: number; readonly data: Uint8Array }
  /** `target` as it stands in the package; of a hard link the absolute path of the other name. */
  | { readonly kind: "link"; readonly path: RelPath; readonly target: string };

export interface DebReadOptions {
  /** Chooses by path (as on a merged system: {@link mergedPath}); what it declines is not held in memory. */
  readonly wants: (path: RelPath) => boolean;
  readonly signal?: AbortSignal | undefined;
}

const fileSizeLimit = 256 * 1024 * 1024;

/** Yields the wanted files and links of a package, in its order. Directories are not listed: they follow from the paths. */
export async function* readDeb(packagePath: string, options: DebReadOptions): AsyncGenerator<DebEntry> {
  const { stdout, done } = startProgram(["dpkg-deb", "--fsys-tarfile", packagePath], {
    debianPackage: "dpkg",
    signal: options.signal,
  });
  yield* readTar(stdout, { wants: options.wants, what: packagePath });
  await done;
}

/** The same of an uncompressed tar archive; `what` names it in messages. */
export async function* readTar(
  archive: AsyncIterable<Uint8Array>,
  options: Pick<DebReadOptions, "wants"> & { readonly what: string },
): AsyncGenerator<DebEntry> {
  const { what: packagePath } = options;
  const members = extract();
  const output = Readable.from(archive, { objectMode: false });
  output.on("error", (error) => members.destroy(error));
  output.pipe(members);
  try {
    for await (const member of members) {
      const path = memberPath(member.header.name, packagePath);
      const wanted = path !== "" && options.wants(path);
      if (wanted && member.header.type === "file") {
        const data = await readMember(member as AsyncIterable<Uint8Array>, {
          what: `${path} of ${packagePath}`,
          size: member.header.size,
        });
        yield { kind: "file", path, mode: (member.header.mode ?? 0o644) & 0o7777, data };
        continue;
      }
      const target = wanted ? linkTarget(member.header, packagePath) : undefined;
      if (target !== undefined) {
        yield { kind: "link", path, target };
      }
      member.resume();
    }
  } finally {
    output.destroy();
  }
}

function memberPath(name: string, packagePath: string): RelPath {
  const path = parseRelPath(Buffer.from(name, "utf8"));
  if (!path.ok) {
    throw new AppError("hostile", `Package ${packagePath} holds a bad name: ${path.error}`);
  }
  return mergedPath(path.value);
}

function linkTarget(header: Header, packagePath: string): string | undefined {
  const name = header.linkname ?? "";
  if (header.type === "symlink") {
    return Buffer.from(name, "utf8").toString("latin1");
  }
  return header.type === "link" ? `/${memberPath(name, packagePath)}` : undefined;
}

async function readMember(
  content: AsyncIterable<Uint8Array>,
  member: { readonly what: string; readonly size: number },
): Promise<Uint8Array> {
  const data = await readAll(content, { limit: Math.min(fileSizeLimit, member.size), what: member.what });
  if (data.length !== member.size) {
    throw new AppError("corrupt", `Package is cut short: ${member.what}`);
  }
  return data;
}
