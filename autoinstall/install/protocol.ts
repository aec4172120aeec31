/**
 * What passes between a machine that is being installed and the server: the phases in their order, the reports, and the
 * addresses. All over HTTPS with the server's key pinned and the arming's one-time token as bearer.
 */
export const installPhases = [
  "boot", // kernel and ramdisk are up, network has an address
  "script", // the master script was fetched: the token is used from here on
  "partition", // disk label and partitions
  "format", // mkfs, mkswap
  "mount",
  "write", // the version's tree
  "verify", // listing and digests against the version
  "configure", // fstab, hostname, machine-id, host keys
  "initramfs",
  "bootloader",
  "finish", // unmount, last log
  "done",
] as const;

export type InstallPhase = (typeof installPhases)[number];

/** POSTed to `/node/report`. */
export interface InstallReport {
  readonly phase: InstallPhase;
  /** 0..100 of the whole install, as the machine counts it. */
  readonly percent: number;
  readonly bytes?: number;
  readonly message?: string;
}

/** POSTed to `/node/failed`: the step that failed and what it said. */
export interface InstallFailure {
  readonly phase: InstallPhase;
  readonly message: string;
}

/**
 * HTTP endpoints for a machine under installation:
 *
 * - `GET  /node/script`    the master script. The first fetch uses the token: a second fetch is refused (409).
 * - `GET  /node/scripts/STAGE`    the site's scripts for the stage `pre-install` or `post-install`: a line `run NAME` for each that
 *                          runs on this node, in order, and `file NAME` for what else is to lie beside them.
 * - `GET  /node/scripts/STAGE/NAME`    one of them.
 * - `GET  /node/variables` what those scripts may want to know, as shell assignments.
 * - `GET  /node/luks-key`  the passphrase for this node's encrypted volumes, without an end of line; 404 where there is none.
 * - `GET  /node/tree`      the version as tar, zstd-compressed; header `X-Ingot-Tree-Bytes` = uncompressed bytes.
 * - `GET  /node/overrides`  what lies over the version on this node, as `NAME@VERSION,NAME@VERSION`, the weakest first; empty where
 *                          nothing does. The next two, and verify, take these words as query `?over=`.
 * - `GET  /node/overrides/clear`    what must go before they are unpacked: `./PATH`, NUL, `./PATH` …
 * - `GET  /node/overrides/tree`     a tar of what they lay. `&only=identity`: what of it the profile of that name speaks of.
 * - `GET  /node/authorized-keys`  OpenSSH public keys, one per line: who may look at the machine over SSH; 404 for nobody.
 * - `POST /node/verify`    body: two NUL-separated listings (images/sync/listing format, then digests); 204, 200 or 409 with text.
 *                          200: what is to be immutable or append-only in the end: `i`, `a` or `ai`, NUL, `./PATH`, NUL …
 *                          Query `?listing=BYTES`: how long the first is. The second is what `sha256sum -z` prints for every
 *                          regular file: 64 hex digits, two characters, `./PATH`, NUL.
 * - `POST /node/report`    {@link InstallReport} as JSON; or query form for busybox: `?phase=&percent=&bytes=&message=`.
 * - `POST /node/log`       text to append to the install's log.
 * - `POST /node/failed`    {@link InstallFailure}; ends the install as failed.
 * - `POST /node/done`      ends the install as done: the token is void and the node boots from its disk.
 */
export const nodeEndpoints = {
  script: "/node/script",
  scripts: "/node/scripts/{stage}",
  scriptFile: "/node/scripts/{stage}/{name}",
  variables: "/node/variables",
  luksKey: "/node/luks-key",
  tree: "/node/tree",
  overrides: "/node/overrides",
  overridesClear: "/node/overrides/clear",
  overridesTree: "/node/overrides/tree",
  authorizedKeys: "/node/authorized-keys",
  verify: "/node/verify",
  report: "/node/report",
  log: "/node/log",
  failed: "/node/failed",
  done: "/node/done",
} as const;

/** Kernel command line words that tell the ramdisk where to go (`ingot.KEY=VALUE`). */
export const kernelParameters = {
  /** `https://ADDRESS:PORT` of the node API. */
  server: "ingot.server",
  /** curl's `--pinnedpubkey` value: `sha256//BASE64` of the server's public key. */
  pin: "ingot.pin",
  token: "ingot.token",
  /** `discover` or `rescue`; an install where it is not given. */
  mode: "ingot.mode",
  /** The MAC that netboots: the interface to bring up. */
  mac: "ingot.mac",
} as const;
