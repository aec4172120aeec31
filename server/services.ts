/** Everything that routes and workflows may call: made once by app.ts, handed to all. */
import type { ScriptStage } from "../autoinstall/install/stage-scripts.ts";
import type { Clock, Log, ProgressSink } from "../base/ports.ts";
import type { Duration } from "../base/quantity.ts";
import type { ImageName, Manifest, VersionId } from "../images/manifest.ts";
import type { Overlays } from "../images/overlay/overlays.ts";
import type { HostKeyStore, RemoteConnector } from "../images/remote/session.ts";
import type { ImageStore } from "../images/store/store.ts";
import type { FlavorArch, FlavorInfo } from "../netboot/flavor/flavor.ts";
import type { SystemKernel } from "../netboot/flavor/kernel-files.ts";
import type { Status } from "./api/schema/status.ts";
import type { AdoptionRule } from "./discovery/adoption.ts";
import type { StrangerRegistry } from "./discovery/registry.ts";
import type { HostRegistry } from "./hosts/registry.ts";
import type { InstallRegistry } from "./installs/registry.ts";
import type { EventFeed } from "./jobs/event-feed.ts";
import type { JobJournal } from "./jobs/journal.ts";
import type { JobRunner } from "./jobs/runner.ts";
import type { RescueRegistry } from "./rescues/rescue.ts";

/** Flavors on disk. */
export interface FlavorShelf {
  list(): Promise<readonly FlavorInfo[]>;
  /** Asked for every boot; answers from memory. */
  has(name: string): boolean;
  get(name: string): FlavorInfo | undefined;
  /** Names of the first loaders that came with flavors; answers from memory. */
  loaders(): readonly string[];
  /** Where the first loaders lie that came with flavors. */
  loaderFolders(): readonly string[];
  build(
    name: string,
    options: {
      readonly arch: FlavorArch;
      readonly onProgress: ProgressSink;
      readonly signal: AbortSignal;
      readonly log: Log;
      /** Of an image; without one, Debian's. */
      readonly kernel?: SystemKernel | undefined;
    },
  ): Promise<FlavorInfo>;
  /** `not-found`. */
  remove(name: string): Promise<void>;
}

/** Images held on behalf of somebody outside the daemon, such as `ingot image chroot`. */
export interface ImageLocks {
  take(
    image: ImageName,
    holder: { readonly purpose: string; readonly pid?: number | undefined },
  ): Promise<{ readonly token: string; readonly tree: string }>;
  release(image: ImageName, token: string): Promise<void>;
  holder(image: ImageName): { readonly purpose: string; readonly since: number } | undefined;
}

export interface PinnedKey {
  readonly host: string;
  readonly port: number;
  readonly type: string;
  /** `SHA256:…` as ssh-keygen shows it. */
  readonly fingerprint: string;
  readonly at: number;
}

export interface PinnedKeys extends HostKeyStore {
  list(): readonly PinnedKey[];
  /** Forgets all keys of a host and returns them. */
  forget(host: string): readonly PinnedKey[];
}

/** Every version that was ever there, also after its image was removed. */
export interface VersionRecords {
  record(manifest: Manifest): void;
  find(image: ImageName, number: number): Manifest | undefined;
}

/** Tokens: random text that is given out once and kept as its hash. */
export interface Tokens {
  create(): string;
  hash(token: string): string;
  /** A token that reads image content, for the client commands. */
  createClientToken(): string;
  isClientToken(token: string): boolean;
}

/** What an administrator laid into the state folder for installs. */
export interface InstallFiles {
  /** Names in the folder of a stage, in no order. */
  scripts(stage: ScriptStage): Promise<readonly string[]>;
  /** `not-found`. */
  script(stage: ScriptStage, name: string): Promise<Uint8Array>;
  /** Copies a script of a stage into the folder; false where one of the name is there. */
  addScript(stage: ScriptStage, name: string, file: string): Promise<boolean>;
  /** Copies a tree, with everything about its entries, as the override of that name; false where there is one. */
  addOverride(name: string, folder: string, options: { readonly signal: AbortSignal }): Promise<boolean>;
  /** The first master script that is pinned under one of the names; one character per byte. */
  pinned(names: readonly string[]): Promise<{ readonly name: string; readonly text: string } | undefined>;
  /** The first passphrase under one of the names, or the site's; `refused` where others may read it. */
  passphrase(names: readonly string[]): Promise<Uint8Array | undefined>;
}

export interface OverrideSummary {
  readonly name: ImageName;
  readonly entries: number;
  readonly bytes: number;
  /** When its newest version was made. */
  readonly changed: number;
}

/** Override trees and their versions. */
export interface OverrideShelf {
  readonly overlays: Overlays;
  list(): Promise<readonly OverrideSummary[]>;
  /** Versions of those of the trees that are there, as they are now, in the order of the names. */
  freeze(names: readonly ImageName[]): Promise<readonly VersionId[]>;
  /** `not-found`. */
  remove(name: ImageName): Promise<void>;
}

/** Settings that routes and workflows go by. */
export interface Settings {
  readonly armTime: Duration;
  readonly installTime: Duration;
  readonly flavor: string;
  readonly sshUser: string;
  /** The interfaces with a boot service; an install needs one. */
  readonly bootInterfaces: readonly string[];
  /** Those where machines that nobody knows are discovered. */
  readonly discoverInterfaces: readonly string[];
  /** Kernel arguments for machines that are discovered. */
  readonly discoverArguments: string;
  readonly adoptionRules: readonly AdoptionRule[];
}

export interface Services {
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: Settings;
  readonly hosts: HostRegistry;
  readonly installs: InstallRegistry;
  readonly rescues: RescueRegistry;
  /** Machines that nobody knows, and those that were such. */
  readonly strangers: StrangerRegistry;
  readonly jobs: JobRunner;
  readonly journal: JobJournal;
  readonly feed: EventFeed;
  readonly store: ImageStore;
  readonly versions: VersionRecords;
  readonly locks: ImageLocks;
  readonly installFiles: InstallFiles;
  readonly overrides: OverrideShelf;
  readonly flavors: FlavorShelf;
  readonly hostKeys: PinnedKeys;
  readonly tokens: Tokens;
  readonly connector: RemoteConnector;
  /** `sha256//BASE64`, as curl's --pinnedpubkey takes it. */
  readonly pin: string;
  /** Public keys of the daemon, one per line, as authorized_keys wants them. */
  readonly authorizedKeys: string;
  /** Base URL of the HTTPS service that clients on the network reach: `https://10.0.0.1:8443`. */
  clientUrl(): string;
  status(): Status;
}
