/** What a member's header and pax records say, as an entry; names and numbers are checked here. */
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { ExtendedAttributes, FileEntry, Timestamp } from "../entry.ts";
import type { TarHeader } from "./header.ts";
import { decodePaxTime, isExtendedKey } from "./pax.ts";

export interface MemberSource {
  readonly header: TarHeader;
  readonly records: ReadonlyMap<string, string>;
  readonly name: string;
  readonly linkname: string;
  /** Bytes of the member's data. */
  readonly size: number;
}

/** Makes the entry; refuses names that leave the tree and numbers that are none. `apparentSize` counts a sparse file's holes. */
export function memberOf(source: MemberSource, apparentSize: number): Result<FileEntry, string> {
  const path = parseRelPath(source.name);
  if (!path.ok) {
    return err(`name is refused: ${path.error}`);
  }
  const uid = numberOf(source, "uid", source.header.uid);
  const gid = numberOf(source, "gid", source.header.gid);
  const mtimeText = source.records.get("mtime");
  const mtime: Timestamp | undefined =
    mtimeText === undefined ? { seconds: source.header.mtime, nanoseconds: 0 } : decodePaxTime(mtimeText);
  if (uid === undefined || gid === undefined || mtime === undefined) {
    return err("owner or time is no number");
  }
  const metadata = {
    path: path.value,
    mode: source.header.mode % 0o10000,
    uid,
    gid,
    mtime,
    extended: extendedOf(source.records),
  };
  return kindOf(source, metadata, apparentSize);
}

type Metadata = Readonly<{
  path: RelPath;
  mode: number;
  uid: number;
  gid: number;
  mtime: Timestamp;
  extended: ExtendedAttributes;
}>;

function kindOf(source: MemberSource, metadata: Metadata, size: number): Result<FileEntry, string> {
  const { header } = source;
  switch (header.typeflag) {
    case "0":
    case "7":
    case "S":
      // Archives of before 1988 mark a directory by the slash alone.
      if (source.name.endsWith("/") && header.typeflag === "0") {
        return source.size === 0
          ? ok({ ...metadata, kind: "directory" })
          : err("name ends in a slash but the member has content");
      }
      return metadata.path === "" ? err("the tree's root is no file") : ok(fileOf(metadata, size));
    case "5":
      return ok({ ...metadata, kind: "directory" });
    default:
      return metadata.path === "" ? err("the tree's root is no directory") : specialOf(source, metadata);
  }
}

/** Written out field by field: nearly every member comes here, and a spread costs more than all the rest. */
function fileOf(metadata: Metadata, size: number): FileEntry {
  const { path, mode, uid, gid, mtime, extended } = metadata;
  return { kind: "file", path, mode, uid, gid, mtime, extended, size };
}

function specialOf(source: MemberSource, metadata: Metadata): Result<FileEntry, string> {
  const { header } = source;
  switch (header.typeflag) {
    case "1": {
      const target = parseRelPath(source.linkname);
      if (!target.ok || target.value === "") {
        return err(`hard link target is refused: ${target.ok ? "it is the tree's root" : target.error}`);
      }
      return ok({ ...metadata, kind: "hardlink", target: target.value });
    }
    case "2":
      return source.linkname === "" || source.linkname.includes("\0")
        ? err("symbolic link without a target, or with NUL in it")
        : ok({ ...metadata, kind: "symlink", target: source.linkname });
    case "3":
    case "4": {
      const major = numberOf(source, "SCHILY.devmajor", header.major);
      const minor = numberOf(source, "SCHILY.devminor", header.minor);
      if (major === undefined || minor === undefined) {
        return err("device number is no number");
      }
      return ok({
        ...metadata,
        kind: header.typeflag === "3" ? "char-device" : "block-device",
        major,
        minor,
      });
    }
    case "6":
      return ok({ ...metadata, kind: "fifo" });
    default:
      return err(`member of unknown type ${JSON.stringify(header.typeflag)}`);
  }
}

/** A 32-bit number from a pax record, else from the header. */
function numberOf(source: MemberSource, key: string, fallback: number): number | undefined {
  const text = source.records.get(key);
  if (text === undefined) {
    return fallback;
  }
  const value = Number(text);
  return /^\d{1,10}$/.test(text) && value <= 0xffffffff ? value : undefined;
}

const none: ExtendedAttributes = [];

/**
 * GNU tar may tell an ACL or a label twice: as the kernel's own bytes (`SCHILY.xattr.system.posix_acl_access`,
 * `SCHILY.xattr.security.selinux`) and as text. The bytes are kept, because the text holds user *names* of the machine it
 * was made on, also with --numeric-owner.
 */
const textForms: Readonly<Record<string, string>> = {
  "SCHILY.acl.access": "SCHILY.xattr.system.posix_acl_access",
  "SCHILY.acl.default": "SCHILY.xattr.system.posix_acl_default",
  "RHT.security.selinux": "SCHILY.xattr.security.selinux",
};

function extendedOf(records: ReadonlyMap<string, string>): ExtendedAttributes {
  // The usual member has its time there and nothing else.
  if (records.size === 0 || (records.size === 1 && records.has("mtime"))) {
    return none;
  }
  const extended: (readonly [string, string])[] = [];
  for (const [key, value] of records) {
    const bytesForm = textForms[key];
    const told = bytesForm !== undefined && (records.has(bytesForm) || isTrivialAcl(key, value));
    if (isExtendedKey(key) && !told) {
      extended.push([key, value]);
    }
  }
  return extended.length === 0 ? none : extended.sort((a, b) => (a[0] < b[0] ? -1 : 1));
}

/** An access ACL that says no more than the mode bits. */
function isTrivialAcl(key: string, value: string): boolean {
  return key === "SCHILY.acl.access" && /^user::[^\n]*\ngroup::[^\n]*\nother::[^\n]*\n*$/.test(value);
}
