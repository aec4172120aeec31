/** Partition types: MBR bytes and GPT GUIDs on one side, the flags of the layout file on the other. */
import type { DiskLabel, PartitionFacts } from "../../images/capture/facts.ts";
import type { LayoutPartition, PartitionType } from "./model.ts";

export const gptTypes = {
  linux: "0fc63daf-8483-4772-8e79-3d69d8477de4",
  swap: "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f",
  esp: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
  bios_grub: "21686148-6449-6e6f-744e-656564454649",
  lvm: "e6d6d379-f507-44c2-a23c-238f2a3df928",
  raid: "a19d880f-05fc-4d3b-a006-743f0f84911e",
  msftdata: "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
} as const;

const mbrTypes = { swap: "82", lvm: "8e", raid: "fd", esp: "ef" } as const;
const extendedTypes = ["5", "05", "f", "0f", "85"];

/** Types that a filesystem line implies, so that the file need not name them. */
const plainMbr = ["83", "82", "8e", "fd", "ef"];

export interface TypeOfPartition {
  readonly type: PartitionType;
  readonly flags: readonly string[];
  readonly id?: string;
}

/** What the layout file says of a partition with the given table entry. */
export function partitionTypeOf(partition: PartitionFacts, label: DiskLabel): TypeOfPartition {
  const raw = partition.type.toLowerCase();
  if (label === "gpt") {
    const flag = Object.entries(gptTypes).find(([, guid]) => guid === raw)?.[0];
    const flags = flag === undefined || flag === "linux" ? [] : [flag];
    const legacy = partition.bootable ? ["legacy_boot"] : [];
    const id = flag === undefined && /^[0-9a-f-]{36}$/.test(raw) ? { id: raw } : {};
    return { type: "primary", flags: [...flags, ...legacy], ...id };
  }
  const boot = partition.bootable ? ["boot"] : [];
  if (extendedTypes.includes(raw)) {
    return { type: "extended", flags: boot };
  }
  const flag = Object.entries(mbrTypes).find(([, type]) => type === raw)?.[0];
  const id = plainMbr.includes(raw) ? {} : { id: raw };
  return {
    type: partition.number >= 5 ? "logical" : "primary",
    flags: [...boot, ...(flag === undefined ? [] : [flag])],
    ...id,
  };
}

/** The type to write into the table, as sfdisk takes it. An explicit id wins, then flags, then the filesystem. */
export function tableType(
  partition: LayoutPartition,
  target: { readonly label: DiskLabel; readonly filesystem: string | undefined; readonly inArray?: boolean },
): string {
  const gpt = target.label === "gpt";
  if (partition.type === "extended") {
    return "5";
  }
  const fits = gpt ? /^[0-9a-fA-F-]{36}$/ : /^[0-9a-fA-F]{1,2}$/;
  if (partition.id !== undefined && fits.test(partition.id)) {
    return gpt ? partition.id.toUpperCase() : partition.id.toLowerCase();
  }
  const flag = (["esp", "bios_grub", "lvm", "raid", "swap", "msftdata"] as const).find((name) =>
    name === "raid"
      ? target.inArray === true || partition.flags.includes(name)
      : partition.flags.includes(name),
  );
  // parted shows an ESP on GPT as `boot`.
  if (gpt && flag === undefined && partition.flags.includes("boot") && target.filesystem === "vfat") {
    return gptTypes.esp.toUpperCase();
  }
  if (gpt) {
    return (
      flag === undefined ? gptTypes[target.filesystem === "swap" ? "swap" : "linux"] : gptTypes[flag]
    ).toUpperCase();
  }
  if (flag !== undefined && flag in mbrTypes) {
    return mbrTypes[flag as keyof typeof mbrTypes];
  }
  if (target.filesystem === "swap") {
    return mbrTypes.swap;
  }
  return target.filesystem === "vfat" ? "c" : "83";
}
