/** How one difference between two versions is told. Pure. */
import { escapePath } from "../../base/path-bytes.ts";
import type { ExtendedAttributes, FileEntry } from "../../images/entry.ts";
import type { EntryDifference } from "../../images/store/store.ts";
import type { ImageDiff } from "../api/schema/image.ts";

type Told = ImageDiff["actions"][number];

/** Changes for which what an entry holds is written anew. */
const ofContent = ["missing", "type", "content", "link-target", "device-number", "hard-links"];

export function differenceView(difference: EntryDifference): Told {
  const { before, after, kind } = difference;
  const entry = after ?? before;
  const changes = kind === "changed" ? [...difference.changes] : kind === "added" ? ["missing"] : [];
  const writes = kind === "added" || changes.some((change) => ofContent.includes(change));
  const attributes = changes.includes("extended") ? attributeNames(before?.extended, after?.extended) : [];
  return {
    kind: kind === "removed" ? "delete" : writes ? "write" : "metadata",
    path: escapePath(difference.path),
    changes,
    ...(entry === undefined ? {} : { entry: entry.kind }),
    ...(writes && after?.kind === "file" ? { bytes: after.size } : {}),
    ...(attributes.length === 0 ? {} : { attributes }),
    ...sizeOf("bytesBefore", before),
    ...sizeOf("bytesAfter", after),
  };
}

function sizeOf(name: "bytesBefore" | "bytesAfter", entry: FileEntry | undefined): Partial<Told> {
  return entry?.kind === "file" ? { [name]: entry.size } : {};
}

const ownNames: Readonly<Record<string, string>> = {
  "SCHILY.acl.access": "acl",
  "SCHILY.xattr.system.posix_acl_access": "acl",
  "SCHILY.xattr.system.posix_acl_default": "default acl",
  "SCHILY.acl.default": "default acl",
  "RHT.security.selinux": "security.selinux",
};

/** Of the attributes that one of both has and the other has not, or with another value. */
function attributeNames(before: ExtendedAttributes = [], after: ExtendedAttributes = []): string[] {
  const [old, now] = [new Map(before), new Map(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((key) => old.get(key) !== now.get(key))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((key) => ownNames[key] ?? escapePath(key.replace(/^SCHILY\.xattr\./, "")));
}
