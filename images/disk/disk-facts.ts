/** A disk from elsewhere described as a golden client is, so that its layout is made the same way. */
import { byteSize } from "../../base/quantity.ts";
import { hasBootCode, type PartitionTable } from "../capture/disk-tables.ts";
import type { FilesystemFacts, GoldenFacts, MountFacts } from "../capture/facts.ts";
import { parseAssignments } from "../capture/sections.ts";
import { type DiskPart, diskNameOf, espType, type PlannedMount } from "./mount-plan.ts";
import { type DiskStack, renamed } from "./stack-parts.ts";

export interface SeenDisk {
  readonly bytes: number;
  readonly table: PartitionTable;
  readonly parts: readonly DiskPart[];
  /** Arrays and volume groups on it. */
  readonly stack?: Pick<DiskStack, "arrays" | "volumeGroups">;
  readonly bootCode: string;
  readonly root: DiskPart;
  readonly mounts: readonly PlannedMount[];
  /** Bytes in use by mount point (absolute). */
  readonly used: ReadonlyMap<string, number>;
  readonly fstab: string;
  readonly osRelease: string;
  readonly hostname: string;
  /** Versions of the kernels in /lib/modules. */
  readonly kernels: readonly string[];
}

export function diskFacts(seen: SeenDisk): GoldenFacts {
  const disk = diskNameOf(seen.fstab);
  const partition = (number: number) =>
    number === 0 ? disk : `${disk}${/\d$/.test(disk) ? "p" : ""}${number}`;
  const device = (part: DiskPart) => part.names?.[0] ?? partition(part.number);
  const mounted = [
    { part: seen.root, mountPoint: "/" },
    ...seen.mounts.map(({ part, at }) => ({ part, mountPoint: `/${at}` })),
  ];
  const os = parseAssignments(seen.osRelease);
  const hasEsp = seen.parts.some(({ type }) => type === espType || type === "ef");
  const bootCode = hasBootCode(seen.bootCode);
  return {
    hostname: seen.hostname === "" ? "localhost" : seen.hostname,
    os: {
      id: os.get("ID") ?? "linux",
      prettyName: os.get("PRETTY_NAME") ?? "Linux",
      ...(os.has("VERSION_ID") ? { versionId: os.get("VERSION_ID") as string } : {}),
      ...(os.has("ID_LIKE") ? { idLike: os.get("ID_LIKE") as string } : {}),
    },
    kernel: seen.kernels.at(-1) ?? "",
    machine: "",
    firmware: hasEsp && !bootCode ? "uefi" : "bios",
    disks: [
      {
        device: disk,
        size: byteSize(seen.bytes),
        logicalSector: 512,
        physicalSector: 512,
        ...(seen.table.label === undefined ? {} : { label: seen.table.label }),
        ...(seen.table.labelId === undefined ? {} : { labelId: seen.table.labelId }),
        rotational: false,
        removable: false,
        readOnly: false,
        partitions: seen.table.partitions.map((one) => ({ ...one, device: partition(one.number) })),
      },
    ],
    filesystems: seen.parts.flatMap((part): readonly FilesystemFacts[] => {
      const mount = mounted.find((one) => one.part === part);
      const used = mount === undefined ? undefined : seen.used.get(mount.mountPoint);
      return part.filesystem === undefined
        ? []
        : [
            {
              ...part.filesystem,
              device: device(part),
              size: part.size,
              ...(mount === undefined ? {} : { mountPoint: mount.mountPoint }),
              ...(used === undefined ? {} : { used: byteSize(used) }),
            },
          ];
    }),
    ...(seen.stack === undefined ? {} : renamed(seen.stack, partition)),
    mounts: mounted.map(
      ({ part, mountPoint }): MountFacts => ({
        source: device(part),
        mountPoint,
        type: part.filesystem?.type ?? "",
        options: "ro",
        kind: "local",
      }),
    ),
    fstab: seen.fstab.replace(/\n$/, ""),
    bootLoader: { kind: "unknown", disks: bootCode ? [disk] : [] },
    tools: { tarXattrs: true, tarAcls: true, tarSelinux: true, sha256sum: true, zstd: true, getfattr: true },
    root: true,
  };
}
