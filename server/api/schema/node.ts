/** Nodes: what is known of them, and their installs and rescue shells. */
import { z } from "zod";
import { name, nodeSelection, version } from "./common.ts";
import { Hardware } from "./discovery.ts";

/** What a node's firmware was last seen to be. */
export const NodeSeen = z.object({
  at: z.number(),
  firmware: z.string().optional(),
  address: z.string().optional(),
});
export type NodeSeen = z.infer<typeof NodeSeen>;

export const NodeInstall = z.object({
  /** armed: may netboot the installer; installing: its token is claimed; done, failed, expired, cancelled: over. */
  state: z.enum(["armed", "installing", "done", "failed", "expired", "cancelled"]),
  image: z.string(),
  version,
  flavor: z.string(),
  job: z.int().optional(),
  armedAt: z.number(),
  expiresAt: z.number(),
  endedAt: z.number().optional(),
  phase: z.string().optional(),
  percent: z.number().optional(),
  message: z.string().optional(),
});
export type NodeInstall = z.infer<typeof NodeInstall>;

export const LocalBoot = z.enum(["auto", "exit", "disk", "grub"]);

/** A rescue shell that was asked for: waiting for the machine, up, or over because it did not come. */
export const NodeRescue = z.object({
  state: z.enum(["armed", "up", "expired"]),
  expiresAt: z.number(),
  upAt: z.number().optional(),
  address: z.string().optional(),
  /** Fingerprint of the ramdisk's SSH host key, as the machine said over the pinned connection. */
  hostKey: z.string().optional(),
});

export const Node = z.object({
  name,
  macs: z.array(z.string()),
  /** Its mainboard's: a machine that firmware says is this one is the node, whatever card it has. */
  uuid: z.string().optional(),
  ip: z.string().optional(),
  groups: z.array(z.string()),
  /** The version the node is said to have: `web@3`. */
  image: z.string().optional(),
  /** Words added to the install kernel's command line, such as `console=ttyS0,115200`. */
  kernelArguments: z.string().optional(),
  /** What the node would boot now, and why. */
  boot: z.object({
    kind: z.enum(["install", "rescue", "discover", "local-disk", "ignore"]),
    reason: z.string(),
  }),
  install: NodeInstall.optional(),
  rescue: NodeRescue.optional(),
  /** How it comes from the network to its disk, where that was set. */
  localBoot: LocalBoot.optional(),
  /** Of machines that were discovered; only where one node is asked for. */
  hardware: Hardware.optional(),
  seen: NodeSeen.optional(),
});
export type Node = z.infer<typeof Node>;

export const NodeList = z.object({ nodes: z.array(Node) });
export type NodeList = z.infer<typeof NodeList>;

export const NodeAdd = z.strictObject({
  name,
  macs: z.array(z.string().max(32)).max(16).optional(),
  uuid: z.string().max(36).optional(),
  ip: z.string().max(15).optional(),
  groups: z.array(name).max(64).optional(),
  kernelArguments: z.string().max(512).optional(),
});
export type NodeAdd = z.infer<typeof NodeAdd>;

/** All are added or, where one is wrong or known already, none. */
export const NodesAdd = z.strictObject({ nodes: z.array(NodeAdd).min(1).max(10_000) });
export type NodesAdd = z.infer<typeof NodesAdd>;

/** Changes what is named for every node of `nodes`; null clears. `macs`, `uuid` and `ip` want exactly one node. */
export const NodesSet = z.strictObject({
  nodes: nodeSelection,
  set: z.strictObject({
    macs: z.array(z.string().max(32)).max(16).optional(),
    uuid: z.string().max(36).nullable().optional(),
    ip: z.string().max(15).nullable().optional(),
    groups: z.array(name).max(64).optional(),
    image: z.string().max(128).nullable().optional(),
    kernelArguments: z.string().max(512).nullable().optional(),
    localBoot: LocalBoot.optional(),
  }),
});
export type NodesSet = z.infer<typeof NodesSet>;

export const NodesRequest = z.strictObject({ nodes: nodeSelection });
export type NodesRequest = z.infer<typeof NodesRequest>;

/** Boots nodes into the ramdisk with a shell over SSH, once; their disks are left alone. */
export const RescueRequest = z.strictObject({
  nodes: nodeSelection,
  flavor: name.optional(),
  kernelArguments: z.string().max(512).optional(),
  /** How long it waits for the machine; configured default 30. */
  minutes: z.number().positive().max(10_080).optional(),
});
export type RescueRequest = z.infer<typeof RescueRequest>;

/** `image` is `web` (newest version) or `web@3`. The job ends when the install is done, failed or its arming expired. */
export const DeployRequest = z.strictObject({
  nodes: nodeSelection,
  image: z.string().max(128),
  flavor: name.optional(),
  kernelArguments: z.string().max(512).optional(),
  /** Disks to install onto, in the layout's order: device nodes, or conditions such as `serial=S3Z9NB0K`. */
  disks: z.array(z.string().max(512)).min(1).max(64).optional(),
  /** Whatever the disks hold may go. */
  wipe: z.boolean().optional(),
  /** How long the arming waits for the machine to start the install; configured default 30. */
  armMinutes: z.number().positive().max(10_080).optional(),
});
export type DeployRequest = z.infer<typeof DeployRequest>;

export const DeployResult = z.object({ node: z.string(), image: z.string(), version });
export type DeployResult = z.infer<typeof DeployResult>;
