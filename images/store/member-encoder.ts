/** Entries of a version as tar members: the header from the manifest, the content from the packs. */
import { AppError } from "../../base/errors.ts";
import { escapePath } from "../../base/path-bytes.ts";
import { formatVersion } from "../manifest.ts";
import { encodeMember, memberPadding } from "../tar/encode.ts";
import type { StoredEntry } from "./entry-line.ts";
import type { OpenVersion } from "./open-version.ts";
import type { PackReader, StoredContent } from "./pack-reader.ts";

export interface MemberSource {
  readonly version: OpenVersion;
  readonly reader: PackReader;
}

/** The member's bytes, padding included; nothing for a socket, which tar does not know. */
export async function* encodeStored(stored: StoredEntry, source: MemberSource): AsyncGenerator<Uint8Array> {
  const { entry } = stored;
  if (entry.kind === "socket") {
    return;
  }
  if (entry.kind !== "file" || entry.size === 0) {
    yield encodeMember(entry);
    return;
  }
  const content = await contentOf(stored, source);
  yield encodeMember(entry, content.sparse === undefined ? {} : { sparse: content.sparse });
  yield* content.data;
  const padding = memberPadding(content.dataLength);
  if (padding.length > 0) {
    yield padding;
  }
}

/** How many bytes {@link encodeStored} gives. */
export async function encodedLength(stored: StoredEntry, source: MemberSource): Promise<number> {
  const { entry, place } = stored;
  if (entry.kind === "socket") {
    return 0;
  }
  const pack = place === undefined ? undefined : source.version.packs[place.pack];
  if (entry.kind !== "file" || entry.size === 0 || pack === undefined || place === undefined) {
    return encodeMember(entry).length;
  }
  const { memberRaw, headerBlocks } = pack.index;
  const data =
    (memberRaw[place.member + 1] as number) -
    (memberRaw[place.member] as number) -
    (headerBlocks[place.member] as number) * 512;
  if (data >= entry.size) {
    return encodeMember(entry).length + data;
  }
  // A sparse file: the length of its map shows only in its stored header.
  const { sparse } = await contentOf(stored, source);
  return encodeMember(entry, sparse === undefined ? {} : { sparse }).length + data;
}

/** The content of a regular file that is not empty. */
export async function contentOf(stored: StoredEntry, source: MemberSource): Promise<StoredContent> {
  const { entry, place } = stored;
  const pack = place === undefined ? undefined : source.version.packs[place.pack];
  if (pack === undefined || place === undefined || place.member >= pack.index.members) {
    const version = formatVersion(source.version.manifest);
    throw new AppError("corrupt", `Version ${version} names no content for '${escapePath(entry.path)}'`, {
      fields: { path: escapePath(entry.path) },
    });
  }
  const content = await source.reader.content({
    pack,
    member: place.member,
    version: source.version.manifest,
    path: entry.path,
  });
  const size = content.sparse?.realSize ?? content.dataLength;
  if (entry.kind === "file" && size !== entry.size) {
    const version = formatVersion(source.version.manifest);
    throw new AppError(
      "corrupt",
      `Stored content of '${escapePath(entry.path)}' in ${version} has ${size} bytes, not ${entry.size}`,
      { fields: { path: escapePath(entry.path) } },
    );
  }
  return content;
}
