/**
 * Requests and responses of the daemon's API. The CLI, the console and the tests speak exactly these shapes; docs/api.md is
 * checked against the list in endpoints.ts.
 *
 * Admin endpoints (all below `/api`) are reached over `STATE/ingot.sock` (the socket's owner is the administrator), or over
 * HTTPS with `Authorization: Bearer TOKEN`. Failures are {@link Problem} documents (`application/problem+json`).
 * Long work answers 202 with {@link JobsStarted}; its life is followed as Server-Sent Events:
 * every `data:` line is one {@link JobEvent}, its `id:` the event's id, and `Last-Event-ID` or `?after=` resumes.
 * A stream of one job ends after the event that says done, failed or cancelled.
 */
import { z } from "zod";

const name = z.string().min(1).max(253);
const nodeSelection = z.string().min(1).max(65_536);
const version = z.int().positive();

/** RFC 9457. `code` is one of base/errors.ts's codes. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  hint: z.string().optional(),
  at: z
    .object({ file: z.string().optional(), line: z.int().optional(), column: z.int().optional() })
    .optional(),
  fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});
export type Problem = z.infer<typeof Problem>;

export const Status = z.object({
  version: z.string(),
  state: z.string(),
  startedAt: z.number(),
  /** `sha256//BASE64` of the server certificate's public key, as curl's --pinnedpubkey takes it. */
  pin: z.string(),
  listeners: z.array(
    z.object({
      service: z.enum(["socket", "api", "node", "boot", "tftp", "dhcp"]),
      address: z.string(),
      interface: z.string().optional(),
    }),
  ),
  /** What is off or missing and why: `DHCP is off: no interface is named in netboot.interfaces`. */
  notes: z.array(z.string()),
});
export type Status = z.infer<typeof Status>;

// ---------------------------------------------------------------- nodes
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

const shortText = z.string().max(256);
const bytes = z.int().min(0);

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
  ip: z.string().max(15).optional(),
  groups: z.array(name).max(64).optional(),
  kernelArguments: z.string().max(512).optional(),
});
export type NodeAdd = z.infer<typeof NodeAdd>;

/** All are added or, where one is wrong or known already, none. */
export const NodesAdd = z.strictObject({ nodes: z.array(NodeAdd).min(1).max(10_000) });
export type NodesAdd = z.infer<typeof NodesAdd>;

/** Changes what is named for every node of `nodes`; null clears. `macs` and `ip` want exactly one node. */
export const NodesSet = z.strictObject({
  nodes: nodeSelection,
  set: z.strictObject({
    macs: z.array(z.string().max(32)).max(16).optional(),
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

// ---------------------------------------------------------------- discovery
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

// ---------------------------------------------------------------- long work
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

const selectionOptions = {
  /** Rules as rsync's `--filter` takes them (`P /srv/data`, `-! *.conf`), ahead of `exclude`. */
  filter: z.array(z.string().max(4096)).max(1000).optional(),
  /** Rules of the command line, rsync filter syntax (`- /srv/*`, or a bare pattern to exclude). */
  exclude: z.array(z.string().max(4096)).max(1000).optional(),
  /** Names of exclude profiles that are added to the default ones, such as `hardware`, `puppet`. */
  profiles: z.array(name).max(32).optional(),
};

export const UpdateRequest = z.strictObject({
  nodes: nodeSelection,
  image: z.string().max(128),
  dryRun: z.boolean().optional(),
  noBootloader: z.boolean().optional(),
  noDelete: z.boolean().optional(),
  /** Compares the content of every file, whatever sizes and times say. */
  checksum: z.boolean().optional(),
  reboot: z.boolean().optional(),
  ...selectionOptions,
});
export type UpdateRequest = z.infer<typeof UpdateRequest>;

/** Without `image`, each node is compared with the version it is said to have. */
export const DriftRequest = z.strictObject({
  nodes: nodeSelection,
  image: z.string().max(128).optional(),
  checksum: z.boolean().optional(),
  ...selectionOptions,
});
export type DriftRequest = z.infer<typeof DriftRequest>;

/** Only what the nodes' overrides lay, over the version that they are said to have or over `image`. */
export const OverridesPush = z.strictObject({
  nodes: nodeSelection,
  image: z.string().max(128).optional(),
  dryRun: z.boolean().optional(),
  noBootloader: z.boolean().optional(),
  ...selectionOptions,
});
export type OverridesPush = z.infer<typeof OverridesPush>;

export const OverrideList = z.object({
  overrides: z.array(
    z.object({
      name: z.string(),
      /** Of whom: `all nodes`, `node web01`, `group compute`, `image web`. Empty where it lies over nothing. */
      of: z.array(z.string()),
      entries: z.int(),
      bytes: z.number(),
      changedAt: z.number(),
    }),
  ),
});
export type OverrideList = z.infer<typeof OverrideList>;

/** What lies over a version on a node. Paths are in base/path-bytes.ts's reversible text form. */
export const NodeOverrides = z.object({
  node: z.string(),
  image: z.string(),
  version,
  /** The weakest first. */
  overrides: z.array(z.string()),
  entries: z.array(
    z.object({
      path: z.string(),
      override: z.string(),
      entry: z.string(),
      bytes: z.number().optional(),
      /** What differs from the image's entry, which it takes the place of; absent where the image has none. */
      changes: z.array(z.string()).optional(),
    }),
  ),
});
export type NodeOverrides = z.infer<typeof NodeOverrides>;

const remote = {
  /** A host name or address, or the name of a node. */
  host: name,
  port: z.int().min(1).max(65_535).optional(),
  user: z.string().min(1).max(64).optional(),
};

export const PrepareRequest = z.strictObject({ ...remote });
export type PrepareRequest = z.infer<typeof PrepareRequest>;

export const CaptureRequest = z.strictObject({
  ...remote,
  image: z.string().max(128),
  message: z.string().max(4096).optional(),
  ...selectionOptions,
  /** Local filesystems other than the root's stay out too. */
  oneFileSystem: z.boolean().optional(),
  /** Shell commands for the client: before anything is read, and afterwards whatever happened. */
  before: z.string().min(1).max(4096).optional(),
  after: z.string().min(1).max(4096).optional(),
  /** Lowest CPU and I/O priority on the client. */
  nice: z.boolean().optional(),
  /** Compare all content, whatever times say. */
  checksum: z.boolean().optional(),
  /** Content bytes a second, at most. */
  limit: z.int().min(1024).optional(),
});
export type CaptureRequest = z.infer<typeof CaptureRequest>;

export const CommitRequest = z.strictObject({ message: z.string().max(4096).optional() });
export type CommitRequest = z.infer<typeof CommitRequest>;

/** A number or a tag. */
const versionWord = z.union([version, z.string().min(1).max(64)]);

export const VerifyRequest = z.strictObject({ version: versionWord.optional() });
export type VerifyRequest = z.infer<typeof VerifyRequest>;

/** Without `version`, the newest one. Changes that are in no version are lost with `discard`; without it they are a refusal. */
export const RollbackRequest = z.strictObject({
  version: versionWord.optional(),
  discard: z.boolean().optional(),
});
export type RollbackRequest = z.infer<typeof RollbackRequest>;

/** Gives `version` (the newest where it is left out) the name `tag`, which another version may have had. */
export const TagRequest = z.strictObject({ tag: z.string().max(64), version: versionWord.optional() });
export type TagRequest = z.infer<typeof TagRequest>;

/** With `replace`, an image that has the name already goes once the work is done. */
export const CopyRequest = z.strictObject({
  to: z.string().max(128),
  version: versionWord.optional(),
  replace: z.boolean().optional(),
});
export type CopyRequest = z.infer<typeof CopyRequest>;

export const MoveRequest = z.strictObject({ to: z.string().max(128), replace: z.boolean().optional() });
export type MoveRequest = z.infer<typeof MoveRequest>;

/** The newest `keep` versions stay, and older ones that are tagged, on a node, or being installed. */
export const PruneRequest = z.strictObject({ keep: z.int().positive(), dryRun: z.boolean().optional() });
export type PruneRequest = z.infer<typeof PruneRequest>;

/** One of `tar`, `folder` and `disk`: absolute paths on the server. The image must not exist. */
export const ImportRequest = z.strictObject({
  tar: z.string().min(1).max(4096).optional(),
  folder: z.string().min(1).max(4096).optional(),
  /** Raw or qcow2, also compressed. */
  disk: z.string().min(1).max(4096).optional(),
  /** An OCI or `docker save` archive, also compressed. */
  container: z.string().min(1).max(4096).optional(),
  /** Which image of that archive. */
  reference: z.string().min(1).max(1024).optional(),
  message: z.string().max(4096).optional(),
});
export type ImportRequest = z.infer<typeof ImportRequest>;

/** What was /var/lib/systemimager on a SystemImager server, copied to this one, or a copy of its root; an absolute path. */
export const TakeOverRequest = z.strictObject({
  folder: z.string().min(1).max(4096),
  /** cluster.xml, where it is not found by itself. */
  cluster: z.string().min(1).max(4096).optional(),
  /** Only these; all where none is named. */
  images: z.array(z.string().min(1).max(255)).max(10_000).optional(),
  /** Answers with the plan and changes nothing. */
  dryRun: z.boolean().optional(),
});
export type TakeOverRequest = z.infer<typeof TakeOverRequest>;

const takeOverScript = z.object({ stage: z.enum(["pre-install", "post-install"]), name: z.string() });

/** What is taken from a SystemImager server, and what is not. */
export const TakeOverPlan = z.object({
  images: z.array(
    z.object({
      name: z.string(),
      message: z.string(),
      host: z.string().optional(),
      layout: z.string().optional(),
    }),
  ),
  overrides: z.array(z.string()),
  scripts: z.array(takeOverScript),
  nodes: z.array(
    z.object({
      name: z.string(),
      macs: z.array(z.string()),
      ip: z.string().optional(),
      groups: z.array(z.string()),
    }),
  ),
  notes: z.array(z.string()),
});
export type TakeOverPlan = z.infer<typeof TakeOverPlan>;

export const TakeOverResult = z.object({
  images: z.array(z.object({ image: z.string(), version, files: z.number(), bytes: z.number() })),
  overrides: z.array(z.string()),
  scripts: z.array(takeOverScript),
  nodes: z.array(z.string()),
  notes: z.array(z.string()),
  /** What was to be taken and could not. */
  failures: z.array(z.string()),
});
export type TakeOverResult = z.infer<typeof TakeOverResult>;

/** `file` is an absolute path on the server: a tar, compressed where it ends with `.zst`, or with `disk` a disk that boots, or an OCI archive. */
export const ExportRequest = z.strictObject({
  file: z.string().min(1).max(4096),
  version: versionWord.optional(),
  replace: z.boolean().optional(),
  container: z.boolean().optional(),
  disk: z
    .strictObject({
      format: z.enum(["raw", "qcow2"]),
      /** Of the disk, in bytes. */
      bytes: z.int().positive(),
      firmware: z.enum(["bios", "uefi"]).optional(),
      hostname: z
        .string()
        .regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/)
        .optional(),
    })
    .optional(),
});
export type ExportRequest = z.infer<typeof ExportRequest>;

export const FlavorRequest = z.strictObject({
  name,
  /** Whose programs and kernel: of this server's own kind of PC unless told. */
  arch: z.enum(["amd64", "arm64"]).optional(),
  /** Takes kernel and modules from this version of an image instead of from the server's packages. */
  image: z.string().max(128).optional(),
  kernelVersion: z.string().max(128).optional(),
});
export type FlavorRequest = z.infer<typeof FlavorRequest>;

// ---------------------------------------------------------------- jobs
export const JobKind = z.enum([
  "prepare",
  "capture",
  "commit",
  "verify",
  "rollback",
  "copy",
  "move",
  "import",
  "takeover",
  "export",
  "deploy",
  "update",
  "drift",
  "flavor",
]);
export type JobKind = z.infer<typeof JobKind>;

export const JobState = z.enum(["queued", "running", "done", "failed", "cancelled"]);
export type JobState = z.infer<typeof JobState>;

export const JobProgress = z.object({
  phase: z.string(),
  percent: z.number().optional(),
  files: z.number().optional(),
  filesTotal: z.number().optional(),
  bytes: z.number().optional(),
  bytesTotal: z.number().optional(),
  /** Bytes per second over the last few seconds. */
  rate: z.number().optional(),
  message: z.string().optional(),
});
export type JobProgress = z.infer<typeof JobProgress>;

export const JobError = z.object({ code: z.string(), message: z.string(), hint: z.string().optional() });
export type JobError = z.infer<typeof JobError>;

export const Job = z.object({
  id: z.int(),
  kind: JobKind,
  /** What it works on: `web@3 on node n1`. */
  title: z.string(),
  node: z.string().optional(),
  image: z.string().optional(),
  state: JobState,
  createdAt: z.number(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  progress: JobProgress.optional(),
  error: JobError.optional(),
  /** By kind: PrepareResult, CaptureResult, CommitResult, VerifyResult, RollbackResult, CopyResult, MoveResult, ImportResult, TakeOverResult, ExportResult, DeployResult, UpdateResult (update and drift), FlavorResult. */
  result: z.json().optional(),
});
export type Job = z.infer<typeof Job>;

export const JobsStarted = z.object({ jobs: z.array(Job) });
export type JobsStarted = z.infer<typeof JobsStarted>;
export const JobList = z.object({ jobs: z.array(Job) });
export type JobList = z.infer<typeof JobList>;

const eventBase = { id: z.int(), job: z.int(), at: z.number() };

export const JobEvent = z.discriminatedUnion("kind", [
  z.object({ ...eventBase, kind: z.literal("state"), state: JobState, error: JobError.optional() }),
  z.object({ ...eventBase, kind: z.literal("progress"), progress: JobProgress }),
  z.object({
    ...eventBase,
    kind: z.literal("message"),
    level: z.enum(["info", "warn", "error"]),
    text: z.string(),
  }),
]);
export type JobEvent = z.infer<typeof JobEvent>;

export const EventList = z.object({ events: z.array(JobEvent) });
export type EventList = z.infer<typeof EventList>;

// ---------------------------------------------------------------- results of jobs
/** Paths are in base/path-bytes.ts's reversible text form. */
export const PlannedAction = z.object({
  kind: z.enum(["write", "metadata", "delete"]),
  path: z.string(),
  entry: z.string().optional(),
  changes: z.array(z.string()),
  bytes: z.number().optional(),
  /** The override that the entry comes from, where it is not the version's own. */
  override: z.string().optional(),
});
export type PlannedAction = z.infer<typeof PlannedAction>;

export const PlanSummary = z.object({
  write: z.int(),
  metadata: z.int(),
  delete: z.int(),
  bytes: z.number(),
});
export type PlanSummary = z.infer<typeof PlanSummary>;

/** Of `update` (done, or with dryRun planned) and `drift`. At most 5,000 actions are listed; `summary` counts all. */
export const UpdateResult = z.object({
  node: z.string(),
  image: z.string(),
  version,
  /** What lies over the version on this node, the weakest first. */
  overrides: z.array(z.string()).optional(),
  applied: z.boolean(),
  summary: PlanSummary,
  actions: z.array(PlannedAction),
  truncated: z.boolean(),
  rules: z.array(z.object({ text: z.string(), origin: z.string(), reason: z.string().optional() })),
  notes: z.array(z.string()),
});
export type UpdateResult = z.infer<typeof UpdateResult>;

export const PrepareResult = z.object({
  host: z.string(),
  hostname: z.string(),
  os: z.string(),
  kernel: z.string(),
  machine: z.string(),
  firmware: z.string(),
  bootLoader: z.string(),
  disks: z.array(
    z.object({
      device: z.string(),
      size: z.number(),
      label: z.string().optional(),
      partitions: z.int(),
      model: z.string().optional(),
    }),
  ),
  mounts: z.array(
    z.object({
      mountPoint: z.string(),
      source: z.string(),
      type: z.string(),
      kind: z.string(),
      captured: z.boolean(),
      used: z.number().optional(),
    }),
  ),
  /** The autoinstallscript.conf that a capture would write. */
  layout: z.string(),
  rules: z.array(z.object({ text: z.string(), origin: z.string(), reason: z.string().optional() })),
  notes: z.array(z.string()),
});
export type PrepareResult = z.infer<typeof PrepareResult>;

export const CaptureResult = z.object({
  image: z.string(),
  version,
  files: z.number(),
  bytes: z.number(),
  sentFiles: z.number().optional(),
  sentBytes: z.number().optional(),
  notes: z.array(z.string()),
});
export type CaptureResult = z.infer<typeof CaptureResult>;

export const CommitResult = z.object({
  image: z.string(),
  version,
  /** False where the tree was what the newest version is: no version was made. */
  changed: z.boolean(),
  files: z.number(),
  bytes: z.number(),
  notes: z.array(z.string()),
});
export type CommitResult = z.infer<typeof CommitResult>;

export const VerifyResult = z.object({
  image: z.string(),
  version,
  files: z.number(),
  bytes: z.number(),
  problems: z.array(z.string()),
});
export type VerifyResult = z.infer<typeof VerifyResult>;

/** What was done to the tree. */
export const RollbackResult = z.object({ image: z.string(), version, summary: PlanSummary });
export type RollbackResult = z.infer<typeof RollbackResult>;

export const CopyResult = z.object({
  image: z.string(),
  version,
  from: z.string(),
  files: z.number(),
  bytes: z.number(),
});
export type CopyResult = z.infer<typeof CopyResult>;

/** `nodes` were said to have a version of the image under its old name. */
export const MoveResult = z.object({
  from: z.string(),
  to: z.string(),
  versions: z.array(version),
  nodes: z.array(z.string()),
});
export type MoveResult = z.infer<typeof MoveResult>;

export const ImportResult = z.object({
  image: z.string(),
  version,
  files: z.number(),
  bytes: z.number(),
  notes: z.array(z.string()),
});
export type ImportResult = z.infer<typeof ImportResult>;

/** `bytes` is the size of the file. */
export const ExportResult = z.object({
  image: z.string(),
  version,
  file: z.string(),
  bytes: z.number(),
  notes: z.array(z.string()),
});
export type ExportResult = z.infer<typeof ExportResult>;

/** `bytes` are those of packs that nothing needs any more. */
export const PruneResult = z.object({
  image: z.string(),
  removed: z.array(version),
  kept: z.array(z.object({ version, reason: z.string() })),
  bytes: z.number(),
  applied: z.boolean(),
});
export type PruneResult = z.infer<typeof PruneResult>;

export const VersionTags = z.object({
  image: z.string(),
  tags: z.array(z.object({ tag: z.string(), version })),
});
export type VersionTags = z.infer<typeof VersionTags>;

export const DeployResult = z.object({ node: z.string(), image: z.string(), version });
export type DeployResult = z.infer<typeof DeployResult>;

export const Flavor = z.object({
  name: z.string(),
  kernelVersion: z.string(),
  machine: z.string().optional(),
  bytes: z.number(),
  createdAt: z.number().optional(),
  image: z.string().optional(),
});
export type Flavor = z.infer<typeof Flavor>;
export const FlavorResult = z.object({ ...Flavor.shape });
export type FlavorResult = z.infer<typeof FlavorResult>;

// ---------------------------------------------------------------- images, flavors, others
export const ImageVersion = z.object({
  version,
  createdAt: z.number(),
  message: z.string(),
  /** Where it came from: a golden client's host, or absent for a commit of the tree. */
  source: z.string().optional(),
  files: z.number(),
  bytes: z.number(),
  /** Compressed bytes that it added to the store. */
  stored: z.number(),
  tags: z.array(z.string()),
});
export type ImageVersion = z.infer<typeof ImageVersion>;

/** What the installs of a version reckon with. Refused where the version has no layout to install by. */
export const ImageContent = z.object({
  image: z.string(),
  version,
  /** Of the version as a tar, in which holes take no room. */
  bytes: z.number(),
  entries: z.number(),
  /** Bytes of files, at least, by the layout's mount points. */
  filesystems: z.array(z.object({ mountPoint: z.string(), bytes: z.number() })),
});
export type ImageContent = z.infer<typeof ImageContent>;

export const ImageSummary = z.object({
  name: z.string(),
  latest: ImageVersion.optional(),
  versions: z.int(),
  /** The tree that can be changed with chroot. */
  tree: z.string(),
});
export type ImageSummary = z.infer<typeof ImageSummary>;

export const ImageList = z.object({ images: z.array(ImageSummary) });
export type ImageList = z.infer<typeof ImageList>;

/** `history` is newest first. */
export const ImageDetails = ImageSummary.extend({
  history: z.array(ImageVersion),
  /** Bytes on disk that the newest version needs, and of those the ones that no other version shares. */
  packs: z.object({ bytes: z.number(), own: z.number() }).optional(),
  lock: z.object({ purpose: z.string(), since: z.number() }).optional(),
});
export type ImageDetails = z.infer<typeof ImageDetails>;

/** Without `to`: the newest version; without `from`: the one before `to`. */
export const ImageDiff = z.object({
  image: z.string(),
  from: version,
  to: version,
  summary: PlanSummary,
  actions: z.array(PlannedAction),
  truncated: z.boolean(),
  /** What changed among the packages of dpkg or rpm, by name; absent where neither version has any, or they cannot be listed. */
  packages: z
    .array(
      z.object({
        name: z.string(),
        kind: z.enum(["added", "removed", "upgraded", "downgraded"]),
        before: z.string().optional(),
        after: z.string().optional(),
      }),
    )
    .optional(),
  notes: z.array(z.string()),
});
export type ImageDiff = z.infer<typeof ImageDiff>;

const fileContent = z.object({
  version,
  /** False where the version has no such file. */
  exists: z.boolean(),
  bytes: z.number(),
  /** Absent where it is no text: it holds a NUL. Bytes that are not UTF-8 are read as Latin-1. */
  text: z.string().optional(),
});

/** One file in two versions, each at most 4 MiB. */
export const FileVersions = z.object({ path: z.string(), from: fileContent, to: fileContent });
export type FileVersions = z.infer<typeof FileVersions>;

export const LockRequest = z.strictObject({
  /** Shown to whoever is refused meanwhile: `chroot by root (pid 4711)`. */
  purpose: z.string().min(1).max(200),
  /** The lock ends by itself when this process of the server's machine is gone. */
  pid: z.int().positive().optional(),
});
export type LockRequest = z.infer<typeof LockRequest>;

export const ImageLock = z.object({ image: z.string(), token: z.string(), tree: z.string() });
export type ImageLock = z.infer<typeof ImageLock>;

export const FlavorList = z.object({ flavors: z.array(Flavor) });
export type FlavorList = z.infer<typeof FlavorList>;

export const ClientLine = z.object({
  /** `curl -fsSk --pinnedpubkey sha256//… https://SERVER:PORT/client | sh`. */
  line: z.string(),
  url: z.string(),
  pin: z.string(),
});
export type ClientLine = z.infer<typeof ClientLine>;

export const HostKeyList = z.object({
  keys: z.array(
    z.object({ host: z.string(), port: z.int(), type: z.string(), fingerprint: z.string(), at: z.number() }),
  ),
});
export type HostKeyList = z.infer<typeof HostKeyList>;
