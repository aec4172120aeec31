/** Entries as tar header blocks: ustar where everything fits, a pax header before it where not. */
import type { FileEntry } from "../entry.ts";
import { BlockWriter } from "./block-writer.ts";
import { blockSize, paddingOf } from "./header.ts";
import { encodePax, encodePaxTime, type PaxRecord } from "./pax.ts";
import { encodeSparseMap, type SparseMap } from "./sparse.ts";

export interface EncodeOptions {
  /** The member's name instead of the entry's path. */
  readonly name?: string;
  /** A hard link's target instead of the entry's. */
  readonly linkname?: string;
  /** Write a sparse file (GNU format 1.0): the data that follows is only the map's segments. */
  readonly sparse?: SparseMap;
}

/** Two blocks of zeros. */
export const endOfArchive: Uint8Array = new Uint8Array(2 * blockSize);

export const typeflags: Readonly<Record<FileEntry["kind"], string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  "char-device": "3",
  "block-device": "4",
  directory: "5",
  fifo: "6",
  socket: "6", // never written: encodeMember refuses sockets
};

export const maxOctal7 = 8 ** 7 - 1;
export const maxOctal11 = 8 ** 11 - 1;

/** All blocks of a member before its data. A sparse file's map is among them. The data must be followed by {@link memberPadding}. */
export function encodeMember(entry: FileEntry, options: EncodeOptions = {}): Uint8Array {
  // Room for a pax header, its records and the member's own.
  const writer = new BlockWriter(3 * blockSize);
  writeMember(writer, entry, options);
  return writer.take();
}

/** As {@link encodeMember}, behind what the writer holds already: many small members make one large piece. */
export function writeMember(writer: BlockWriter, entry: FileEntry, options: EncodeOptions = {}): void {
  if (entry.kind === "socket") {
    throw new TypeError("A socket cannot be a tar member");
  }
  const map = options.sparse === undefined ? undefined : encodeSparseMap(options.sparse.segments);
  const size = storedSize(entry, options.sparse) + (map?.length ?? 0);
  const name = options.name ?? memberName(entry);
  const linkname =
    entry.kind === "hardlink" || entry.kind === "symlink" ? (options.linkname ?? entry.target) : "";
  const device = entry.kind === "char-device" || entry.kind === "block-device";
  const records = encodePax(recordsOf(entry, { name, linkname, size, sparse: options.sparse }));
  if (records !== "") {
    writer.header({ ...plain, name: "././@PaxHeader", size: records.length, typeflag: "x" });
    writer.text(records);
    writer.zeros(paddingOf(records.length));
  }
  writer.header({
    name: map === undefined ? name : `GNUSparseFile.0/${name.slice(0, 80)}`,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    size,
    mtime: entry.mtime.seconds,
    typeflag: typeflags[entry.kind],
    linkname,
    major: device ? entry.major : 0,
    minor: device ? entry.minor : 0,
  });
  if (map !== undefined) {
    writer.text(map);
  }
}

/** Zeros that follow the data of a member. A sparse map fills whole blocks, so only the data counts. */
export function memberPadding(dataLength: number): Uint8Array {
  return new Uint8Array(paddingOf(dataLength));
}

const plain = { mode: 0o644, uid: 0, gid: 0, mtime: 0, linkname: "", major: 0, minor: 0 };

/** A directory's name ends with a slash. */
export function memberName(entry: FileEntry): string {
  if (entry.kind === "directory") {
    return entry.path === "" ? "./" : `${entry.path}/`;
  }
  return entry.path;
}

function storedSize(entry: FileEntry, sparse: SparseMap | undefined): number {
  if (entry.kind !== "file") {
    return 0;
  }
  return sparse === undefined
    ? entry.size
    : sparse.segments.reduce((total, segment) => total + segment.length, 0);
}

function recordsOf(
  entry: FileEntry,
  values: {
    readonly name: string;
    readonly linkname: string;
    readonly size: number;
    readonly sparse: SparseMap | undefined;
  },
): readonly PaxRecord[] {
  const records: PaxRecord[] = [];
  if (values.sparse !== undefined) {
    records.push(
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", values.name],
      ["GNU.sparse.realsize", String(values.sparse.realSize)],
    );
  } else if (values.name.length > 100) {
    records.push(["path", values.name]);
  }
  if (values.linkname.length > 100) {
    records.push(["linkpath", values.linkname]);
  }
  if (values.size > maxOctal11) {
    records.push(["size", String(values.size)]);
  }
  if (entry.uid > maxOctal7) {
    records.push(["uid", String(entry.uid)]);
  }
  if (entry.gid > maxOctal7) {
    records.push(["gid", String(entry.gid)]);
  }
  const { seconds, nanoseconds } = entry.mtime;
  if (nanoseconds !== 0 || seconds < 0 || seconds > maxOctal11) {
    records.push(["mtime", encodePaxTime(entry.mtime)]);
  }
  if (entry.extended !== undefined) {
    records.push(...entry.extended);
  }
  return records;
}
