/** Everything that listens: the local socket, the API, and per netboot interface node, boot, TFTP and DHCP services. */

import { createArpCheck } from "../netboot/arp-check.ts";
import type { LeaseStore } from "../netboot/dhcp/lease.ts";
import { DhcpServer } from "../netboot/dhcp/server.ts";
import { nodeDatagramSockets } from "../netboot/node-udp.ts";
import { TftpServer } from "../netboot/tftp/server.ts";
import type { Credentials } from "./api/auth.ts";
import { createRouter, type RequestHandler, type Route } from "./api/router.ts";
import type { Status } from "./api/schema/status.ts";
import type { Config } from "./config/schema.ts";
import { type ListenAt, type Listener, listen } from "./http.ts";
import type { BootPlace } from "./interfaces.ts";
import { createLifecycle } from "./lifecycle.ts";
import { createBootFiles, createTftpFiles, loaderFolders } from "./netboot/boot-files.ts";
import { type BootInterface, createAddressBook, createBooter } from "./netboot/booter.ts";
import { dhcpSettings } from "./netboot/dhcp-settings.ts";
import { bootRoutes } from "./netboot/routes.ts";
import type { InstallPrograms } from "./node/routes.ts";
import { adminRoutes, machineRoutes } from "./routes/all.ts";
import type { Services } from "./services.ts";
import type { StatePaths } from "./state-folder.ts";
import type { ServerIdentity } from "./tls/authority.ts";

export interface ListenerParts {
  readonly config: Config;
  readonly paths: StatePaths;
  readonly places: readonly BootPlace[];
  readonly services: Services;
  readonly credentials: Credentials;
  readonly identity: ServerIdentity;
  readonly leases: LeaseStore;
  readonly programs: InstallPrograms;
}

export interface OpenListeners {
  readonly list: Status["listeners"];
  /** What is to be known now, such as another DHCP server. */
  notes(): readonly string[];
  /** Base URL of the HTTPS service that machines on the network reach. */
  clientUrl(): string;
  close(): Promise<void>;
}

/** Opens all, or none. */
export async function openListeners(parts: ListenerParts): Promise<OpenListeners> {
  const lifecycle = createLifecycle();
  const list: Status["listeners"][number][] = [];
  const dhcp: DhcpServer[] = [];
  try {
    const urls = await openAll(parts, { lifecycle, list, dhcp });
    return {
      list,
      notes: () => dhcp.flatMap(foreignServerNotes),
      clientUrl: () => urls[0] ?? "https://localhost",
      close: async () => await lifecycle.stop(),
    };
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

interface Opening {
  readonly lifecycle: ReturnType<typeof createLifecycle>;
  readonly list: Status["listeners"][number][];
  readonly dhcp: DhcpServer[];
}

/** Beside a proxy a DHCP server is what is wanted. */
function foreignServerNotes(dhcp: DhcpServer): readonly string[] {
  const { interfaceName, mode } = dhcp.settings;
  return (mode === "server" ? dhcp.foreignServers : []).map(
    ({ address, mac, at }) =>
      `A second DHCP server, ${address}, gives addresses on ${interfaceName}: ${mac} chose it at ${new Date(at).toISOString()}; 'ingot doctor' tells more`,
  );
}

/** Returns the base URLs that machines may use, the best first. */
async function openAll(parts: ListenerParts, opening: Opening): Promise<readonly string[]> {
  const { config, services, credentials, identity } = parts;
  const router = (routes: readonly Route[]): RequestHandler =>
    createRouter(routes, { credentials, log: services.log });
  const machines = machineRoutes(services, parts.programs);
  const everything = router([...adminRoutes(services), ...machines]);
  const open = async (
    service: "socket" | "api" | "node" | "boot",
    at: ListenAt,
    handler: RequestHandler,
    name?: string,
  ) => {
    const listener: Listener = await opening.lifecycle.start(
      async () => await listen(at, handler, { log: services.log }),
      async (started) => await started.close(),
    );
    const shown = { service, address: listener.address };
    opening.list.push(name === undefined ? shown : { ...shown, interface: name });
    return listener;
  };
  const tls = { kind: "tls", key: identity.key, certificate: identity.certificate } as const;

  await open("socket", { kind: "socket", path: parts.paths.socket }, everything);
  const apiUrls: string[] = [];
  for (const { host, port } of config.api.listen) {
    const { address } = await open("api", { ...tls, host, port }, everything);
    apiUrls.push(`https://${address}`);
  }
  const nodeUrls: string[] = [];
  const machineHandler = router(machines);
  for (const place of parts.places) {
    const { address, config: wanted } = place;
    const { bootPort, nodePort } = config.netboot;
    // An API listener on the same place serves machines too.
    const served = config.api.listen.some(
      ({ host, port }) => port === nodePort && (host === address || host === "0.0.0.0"),
    );
    if (!served) {
      await open("node", { ...tls, host: address, port: nodePort }, machineHandler, wanted.name);
    }
    const boot: BootInterface = {
      name: wanted.name,
      discovers: wanted.discover,
      nodeUrl: `https://${address}:${nodePort}`,
      bootUrl: `http://${address}:${bootPort}`,
    };
    nodeUrls.push(boot.nodeUrl);
    const folders = (): readonly string[] => loaderFolders(parts.paths.root, services.flavors);
    const routes = bootRoutes(services, { place: boot, files: createBootFiles(folders) });
    await open("boot", { kind: "plain", host: address, port: bootPort }, router(routes), wanted.name);
    await openNetboot(parts, opening, { place, boot, folders });
  }
  const reachable = apiUrls.filter((url) => !/^https:\/\/(127\.|localhost|\[::1\]|0\.0\.0\.0)/.test(url));
  return [...nodeUrls, ...reachable, ...apiUrls];
}

async function openNetboot(
  parts: ListenerParts,
  opening: Opening,
  at: { readonly place: BootPlace; readonly boot: BootInterface; readonly folders: () => readonly string[] },
): Promise<void> {
  const { services, config } = parts;
  const { address, config: wanted } = at.place;
  const ports = { sockets: nodeDatagramSockets, clock: services.clock, log: services.log };
  if (config.netboot.tftp) {
    const files = createTftpFiles(services, { place: at.boot, folders: at.folders });
    const tftp = new TftpServer({ ...ports, addresses: [address], files });
    await opening.lifecycle.start(
      async () => await tftp.start(),
      async () => await tftp.stop(),
    );
    opening.list.push({ service: "tftp", address: `${address}:69`, interface: wanted.name });
  }
  const settings = dhcpSettings(at.place, {
    httpBase: at.boot.bootUrl,
    flavorLoaders: () => services.flavors.loaders(),
  });
  if (settings === undefined) {
    return;
  }
  const dhcp = new DhcpServer({
    ...{ ...ports, settings },
    booter: createBooter(services, at.boot),
    addresses: createAddressBook(services, at.boot),
    leases: parts.leases,
    addressCheck: createArpCheck({ ...ports, interfaceName: wanted.name, address }),
  });
  await opening.lifecycle.start(
    async () => await dhcp.start(),
    async () => await dhcp.stop(),
  );
  opening.dhcp.push(dhcp);
  opening.list.push({ service: "dhcp", address: `${address}:67`, interface: wanted.name });
}
