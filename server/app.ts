/** The composition root: from a configuration to a running daemon. Started in order, stopped in reverse, undone where a step fails. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { AppError } from "../base/errors.ts";
import { packageFile } from "../base/package-file.ts";
import type { Clock, Log, Random } from "../base/ports.ts";
import { sshConnector } from "../images/remote/ssh-session.ts";
import { DirectoryStore } from "../images/store/directory-store.ts";
import { aptSource } from "../netboot/flavor/apt-source.ts";
import { debianArchitecture } from "../netboot/flavor/flavor.ts";
import type { Credentials } from "./api/auth.ts";
import type { Status } from "./api/schema/status.ts";
import { createTokens } from "./client-tokens.ts";
import type { Config } from "./config/schema.ts";
import { createSqliteStrangers } from "./discovery/sqlite-strangers.ts";
import { openFlavorShelf } from "./flavor-shelf.ts";
import { createSqliteRegistry } from "./hosts/sqlite-registry.ts";
import { createImageLocks } from "./image-locks.ts";
import { openInstallFiles } from "./install-files.ts";
import { createSqliteInstalls } from "./installs/sqlite-installs.ts";
import { type BootPlace, findInterface, listInterfaces } from "./interfaces.ts";
import { createEventFeed } from "./jobs/event-feed.ts";
import { createJobRunner } from "./jobs/runner.ts";
import { createSqliteJournal } from "./jobs/sqlite-journal.ts";
import { createLifecycle, type Lifecycle } from "./lifecycle.ts";
import { type OpenListeners, openListeners } from "./listeners.ts";
import { openOverrideShelf } from "./overrides/shelf.ts";
import { createSqliteRescues } from "./rescues/sqlite-rescues.ts";
import type { Services } from "./services.ts";
import { ensureSshKey, publicKeys } from "./ssh-identity.ts";
import { lockState, openDatabase } from "./state/database.ts";
import { createPinnedKeys } from "./state/host-keys.ts";
import { createLeaseStore } from "./state/lease-store.ts";
import { loadAdminToken } from "./state/tokens.ts";
import { createVersionRecords, recordStoredVersions } from "./state/version-mirror.ts";
import { prepareStateFolder, statePaths } from "./state-folder.ts";
import { loadServerIdentity, type ServerIdentity } from "./tls/authority.ts";
import { jobHandlers } from "./workflows/handlers.ts";
import { createInstallPrograms } from "./workflows/install-programs.ts";

export interface AppEnv {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Environment variables, for SSH_AUTH_SOCK. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

export interface App {
  readonly services: Services;
  status(): Status;
  /** Idempotent. Running jobs end as interrupted, or go on after the next start. */
  stop(): Promise<void>;
}

/** Starts the daemon. Where a step fails, what was started is stopped again and the error says what is in the way. */
export async function startApp(config: Config, env: AppEnv): Promise<App> {
  const lifecycle = createLifecycle();
  try {
    return await start(config, env, lifecycle);
  } catch (error) {
    await lifecycle.stop().catch((failure: unknown) => {
      env.log.error("Undoing a failed start failed", { message: String(failure) });
    });
    throw error;
  }
}

async function start(config: Config, env: AppEnv, lifecycle: Lifecycle): Promise<App> {
  const { clock, random, log } = env;
  const startedAt = clock.now();
  const paths = statePaths(config.state);
  const interfaces = config.netboot.interfaces.length === 0 ? new Map() : await listInterfaces();
  const places = config.netboot.interfaces.map((named) => findInterface(named, interfaces));
  await prepareStateFolder(paths);
  await lifecycle.start(
    () => lockState(paths.lock),
    (lock) => lock.release(),
  );
  const database = await lifecycle.start(
    () => openDatabase(paths.database),
    (open) => open.close(),
  );
  const identity = await loadServerIdentity({
    folder: paths.tls,
    names: certificateNames(config, places),
    clock,
  });
  const adminToken = await loadAdminToken(paths.adminToken, random);
  const tokens = createTokens({ database, random, clock });
  const keyFiles = config.ssh.keys.length > 0 ? config.ssh.keys : [paths.sshKey];
  if (config.ssh.keys.length === 0) {
    await ensureSshKey(paths.sshKey);
  }
  const hostKeys = createPinnedKeys(database, clock);
  const store = new DirectoryStore({ state: paths.root, clock, log });
  await store.recover();
  const versions = createVersionRecords(database);
  await recordStoredVersions(store, versions);
  const stopping = await lifecycle.start(
    () => new AbortController(),
    (controller) => controller.abort(new AppError("cancelled", "The daemon is stopping")),
  );
  const flavors = await openFlavorShelf({
    folder: paths.flavors,
    workFolder: paths.work,
    clock,
    packages: async (arch) =>
      await aptSource({ workDir: paths.work, architecture: debianArchitecture(arch), log }),
  });
  const journal = createSqliteJournal(database);
  journal.prune(startedAt - config.jobs.keep);
  const feed = await lifecycle.start(
    () => createEventFeed(journal),
    (open) => open.close(),
  );
  const jobs = await lifecycle.start(
    () =>
      createJobRunner({
        journal,
        feed,
        clock,
        log,
        capacities: { "slots:update": config.jobs.updates },
        handlers: jobHandlers(() => services),
      }),
    async (runner) => await runner.stop(),
  );
  let listeners: OpenListeners | undefined;
  const services: Services = {
    clock,
    log,
    hosts: createSqliteRegistry(database),
    installs: createSqliteInstalls(database, clock),
    rescues: createSqliteRescues(database),
    strangers: createSqliteStrangers(database),
    jobs,
    journal,
    feed,
    store,
    versions,
    tokens,
    flavors,
    hostKeys,
    installFiles: openInstallFiles(paths.root),
    overrides: openOverrideShelf(paths.root, { clock, log }),
    locks: createImageLocks({ store, tokens, clock, log, signal: stopping.signal }),
    connector: sshConnector({ hostKeys, keyFiles, sudo: true, log, ...agentOf(config, env) }),
    pin: identity.pin,
    authorizedKeys: await publicKeys(keyFiles),
    settings: {
      armTime: config.netboot.armTime,
      installTime: config.netboot.installTime,
      flavor: config.netboot.flavor,
      sshUser: config.ssh.user,
      bootInterfaces: places.map((place) => place.config.name),
      discoverInterfaces: places
        .filter(({ config: { discover } }) => discover)
        .map((place) => place.config.name),
      discoverArguments: config.netboot.discoverArguments,
      adoptionRules: config.netboot.adopt,
    },
    clientUrl: () => listeners?.clientUrl() ?? "https://localhost",
    status: () => ({
      version: ownVersion(),
      state: config.state,
      startedAt,
      pin: identity.pin,
      listeners: [...(listeners?.list ?? [])],
      notes: [...notesOf(config), ...(listeners?.notes() ?? [])],
    }),
  };
  const credentials: Credentials = {
    hash: tokens.hash,
    adminHash: tokens.hash(adminToken),
    isClientHash: tokens.isClientHash,
  };
  listeners = await lifecycle.start(
    async () =>
      await openListeners({
        config,
        paths,
        places,
        services,
        credentials,
        identity: identity satisfies ServerIdentity,
        leases: createLeaseStore(database),
        programs: createInstallPrograms(() => services),
      }),
    async (open) => await open.close(),
  );
  jobs.start();
  log.info("Ingot is up", { state: config.state, pin: identity.pin });
  return { services, status: services.status, stop: async () => await lifecycle.stop() };
}

function certificateNames(config: Config, places: readonly BootPlace[]): readonly string[] {
  const listened = config.api.listen
    .map(({ host }) => host)
    .filter((host) => host !== "0.0.0.0" && host !== "::");
  const own = places.map(({ address }) => address);
  return [...new Set([...config.api.names, ...listened, ...own, hostname(), "localhost", "127.0.0.1"])];
}

function agentOf(config: Config, env: AppEnv): { readonly agent?: string } {
  if (config.ssh.agent === false) {
    return {};
  }
  const agent = config.ssh.agent === true ? env.variables.SSH_AUTH_SOCK : config.ssh.agent;
  if (agent === undefined) {
    throw new AppError("bad-input", "ssh.agent is true, and there is no agent: SSH_AUTH_SOCK is not set", {
      hint: "name the agent's socket in ssh.agent, or set ssh.agent to false",
    });
  }
  return { agent };
}

function notesOf(config: Config): readonly string[] {
  const { interfaces, tftp } = config.netboot;
  if (interfaces.length === 0) {
    return [
      "Netboot is off (DHCP, TFTP, boot and node services): no interface is named in netboot.interfaces",
    ];
  }
  const off = interfaces.filter(({ mode }) => mode === "off");
  return [
    ...off.map(({ name }) => `DHCP is off on ${name}: its mode is 'off'`),
    ...(tftp ? [] : ["TFTP is off: netboot.tftp is false"]),
  ];
}

function ownVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(packageFile("package.json"), "utf8"));
  return typeof parsed === "object" && parsed !== null && "version" in parsed ? String(parsed.version) : "?";
}
