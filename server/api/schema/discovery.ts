/** Machines that netboot and are no nodes yet, and what machines are made of. */
import { z } from "zod";
import { bytes, name, nodeSelection } from "./common.ts";

const shortText = z.string().max(256);

/** What the ramdisk's hardware.sh prints; memory in KiB, disks as lsblk tells them. */
export const HardwareReport = z.object({
  vendor: shortText,
  product: shortText,
  serial: shortText,
  uuid: shortText,
  board: shortText,
  biosVersion: shortText,
  firmware: z.enum(["bios", "uefi"]),
  secureBoot: z.boolean(),
  machine: shortText,
  cpuModel: shortText,
  cpuThreads: z.int().min(0).max(65_536),
  cpuSockets: z.int().min(0).max(1024),
  memory: z
    .int()
    .min(0)
    .max(2 ** 42),
  nics: z
    .array(
      z.object({
        name: shortText,
        mac: z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5,19}$/),
        driver: shortText,
        speed: z.int().min(0).max(10_000_000),
        link: z.boolean(),
      }),
    )
    .max(256),
  lsblk: z.object({
    blockdevices: z
      .array(
        z.object({
          name: shortText,
          size: bytes,
          rota: z.boolean(),
          tran: shortText.nullable(),
          model: shortText.nullable(),
          serial: shortText.nullable(),
          wwn: shortText.nullable(),
        }),
      )
      .max(4096),
  }),
});

/** What a machine is made of, as it said itself; empty text where it does not tell. Sizes are bytes, speeds Mbit/s. */
export const Hardware = z.object({
  ...HardwareReport.omit({ lsblk: true }).shape,
  memory: z.number(),
  disks: z.array(
    z.object({
      name: z.string(),
      size: z.number(),
      rotational: z.boolean(),
      /** `sata`, `sas`, `nvme`, `usb` …, or empty. */
      transport: z.string(),
      model: z.string(),
      serial: z.string(),
      wwn: z.string(),
    }),
  ),
});
export type Hardware = z.infer<typeof Hardware>;

/** `seen`: it netboots; `waiting`: its ramdisk has reported; `ignored`: left alone; `adopted`: it is a node. */
export const Discovered = z.object({
  mac: z.string(),
  state: z.enum(["seen", "waiting", "ignored", "adopted"]),
  interface: z.string(),
  firstSeen: z.number(),
  lastSeen: z.number(),
  firmware: z.string().optional(),
  uuid: z.string().optional(),
  address: z.string().optional(),
  hostKey: z.string().optional(),
  hardware: Hardware.optional(),
  node: z.string().optional(),
});
export type Discovered = z.infer<typeof Discovered>;

export const DiscoveredList = z.object({
  /** Interfaces where discovery is on. */
  interfaces: z.array(z.string()),
  machines: z.array(Discovered),
});
export type DiscoveredList = z.infer<typeof DiscoveredList>;

/**
 * Makes nodes of discovered machines: `macs`, or where it is left out all that wait, get the free names of `names` (`web[01-16]`) in
 * the order in which they were first seen. All or none.
 */
export const AdoptRequest = z.strictObject({
  macs: z.array(z.string().max(32)).min(1).max(4096).optional(),
  names: nodeSelection,
  /** Wants exactly one machine. */
  ip: z.string().max(15).optional(),
  groups: z.array(name).max(64).optional(),
});
export type AdoptRequest = z.infer<typeof AdoptRequest>;

/** `ignore`: leave alone; `notice`: no longer; `forget`: as if never seen. */
export const DiscoveredChange = z.strictObject({
  macs: z.array(z.string().max(32)).min(1).max(4096),
  action: z.enum(["ignore", "notice", "forget"]),
});
export type DiscoveredChange = z.infer<typeof DiscoveredChange>;
