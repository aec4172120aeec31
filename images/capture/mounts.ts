/** Which of a machine's mounts hold its own files: /proc/self/mountinfo (proc(5)) and what the kinds of filesystems mean. */
import { fromLatin1, toUtf8Lossy } from "../../base/bytes.ts";
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import type { MountFacts } from "./facts.ts";

interface MountLine {
  readonly device: string;
  /** The directory of the filesystem that is the root of this mount: not `/` for bind mounts and subvolumes. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: string;
  readonly type: string;
  readonly source: string;
}

const localTypes = new Set(
  "ext2 ext3 ext4 xfs btrfs bcachefs jfs reiserfs reiser4 f2fs nilfs2 vfat msdos exfat ntfs ntfs3 fuseblk zfs minix hfs hfsplus ufs".split(
    " ",
  ),
);

const networkTypes = new Set(
  "nfs nfs4 cifs smb3 smbfs ncpfs afs coda ceph 9p virtiofs vboxsf vmhgfs lustre beegfs gpfs glusterfs davfs fuse.glusterfs fuse.sshfs fuse.ceph fuse.s3fs fuse.rclone fuse.vmhgfs-fuse prl_fs ocfs2 gfs2 pvfs2 orangefs".split(
    " ",
  ),
);

const removableTypes = new Set(["iso9660", "udf"]);

/** Parses mountinfo and says of every mount whether it belongs to the image. Order is the order of mounting. */
export function parseMounts(
  mountinfo: string,
  options: { readonly removableDisks: readonly string[] },
): readonly MountFacts[] {
  const lines = mountinfo.split("\n").flatMap((line) => parseLine(line) ?? []);
  // A later mount on the same point hides the earlier one.
  const visible = lines.filter(
    (line, index) => !lines.some((other, at) => at > index && other.mountPoint === line.mountPoint),
  );
  return visible.map((line) => ({
    source: line.source,
    mountPoint: line.mountPoint,
    type: line.type,
    options: line.options,
    kind: kindOf(line, { mounts: visible, removableDisks: options.removableDisks }),
  }));
}

/** Fields: id, parent, major:minor, root, mount point, options, optional fields, `-`, type, source, superblock options. */
function parseLine(line: string): MountLine | undefined {
  const [before = "", after = ""] = line.split(" - ");
  const [, , device, root, mountPoint, options] = before.split(" ");
  const [type, source] = after.split(" ");
  return device === undefined || root === undefined || mountPoint === undefined || type === undefined
    ? undefined
    : {
        device,
        root: unescapeOctal(root),
        mountPoint: unescapeOctal(mountPoint),
        options: options ?? "",
        type,
        source: unescapeOctal(source ?? ""),
      };
}

/** The kernel writes blank, tab, newline and backslash as `\ooo`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function kindOf(
  line: MountLine,
  context: { readonly mounts: readonly MountLine[]; readonly removableDisks: readonly string[] },
): MountFacts["kind"] {
  if (line.mountPoint === "/") {
    return "local";
  }
  if (networkTypes.has(line.type)) {
    return "network";
  }
  if (removableTypes.has(line.type) || isOnRemovable(line.source, context.removableDisks)) {
    return "removable";
  }
  if (!localTypes.has(line.type)) {
    return "pseudo";
  }
  return context.mounts.some((other) => shows(other, line)) ? "bind" : "local";
}

function isOnRemovable(source: string, disks: readonly string[]): boolean {
  return disks.some(
    (disk) => source === disk || (source.startsWith(disk) && /^p?\d+$/.test(source.slice(disk.length))),
  );
}

/**
 * True where `other` makes the files of `line` visible already: the same filesystem, mounted from the same directory or from
 * one above. Subvolumes (`/@` and `/@home`) are side by side and show nothing of each other.
 */
function shows(other: MountLine, line: MountLine): boolean {
  if (other === line || other.device !== line.device) {
    return false;
  }
  if (other.root === line.root) {
    return (
      other.mountPoint.length < line.mountPoint.length ||
      (other.mountPoint.length === line.mountPoint.length && other.mountPoint < line.mountPoint)
    );
  }
  return other.root === "/" || line.root.startsWith(`${other.root}/`);
}

/** The mounts at or below a directory, as paths relative to it; the mount that the directory itself lies on comes as `""`. */
export function mountsBelow(
  mounts: readonly MountFacts[],
  root: string,
): readonly { readonly path: RelPath; readonly mount: MountFacts }[] {
  const base = root === "/" ? "" : root.replace(/\/+$/, "");
  const own = mounts
    .filter(
      (mount) =>
        mount.mountPoint === "/" || base === mount.mountPoint || base.startsWith(`${mount.mountPoint}/`),
    )
    .sort((a, b) => b.mountPoint.length - a.mountPoint.length)[0];
  const below = mounts.flatMap((mount) => {
    const parsed = mount.mountPoint.startsWith(`${base}/`)
      ? parseRelPath(mount.mountPoint.slice(base.length + 1))
      : undefined;
    return parsed?.ok === true && parsed.value !== "" ? [{ path: parsed.value, mount }] : [];
  });
  return [...(own === undefined ? [] : [{ path: "" as RelPath, mount: own }]), ...below];
}

/** A mount point or a source as people read it. */
export function showPath(path: string): string {
  return toUtf8Lossy(fromLatin1(path));
}
