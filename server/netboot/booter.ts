/** The boot policy and the address book over the registry, for one interface where machines netboot. */
import type { MacAddress } from "../../base/net-types.ts";
import type { AddressBook, BootDecision, Booter, Machine } from "../../netboot/booter.ts";
import { type Discovery, decideBoot } from "../boot-policy.ts";
import type { Stranger } from "../discovery/stranger.ts";
import type { Host } from "../hosts/host.ts";
import type { Services } from "../services.ts";
import { knownHost } from "./known-host.ts";

export interface BootInterface {
  readonly name: string;
  /** Whether machines that nobody knows are let in here. */
  readonly discovers: boolean;
  /** `https://10.0.0.1:8443`. */
  readonly nodeUrl: string;
  /** `http://10.0.0.1:8088`. */
  readonly bootUrl: string;
}

/** Decides without using anything up: DHCP asks several times per boot. */
export function createBooter(services: Services, place: BootInterface): Booter {
  return { decide: (machine) => decideToLook(services, place, machine) };
}

export function decideToLook(services: Services, place: BootInterface, machine: Machine): BootDecision {
  return decide(services, place, { machine });
}

/**
 * Decides for a machine that fetches its boot script now: an armed node gets a token of its own on the kernel's command line.
 * Fetched again before the install has started (a retry, a reset), it gets another; the first that is used ends the rest.
 */
export function decideForScript(services: Services, place: BootInterface, machine: Machine): BootDecision {
  const decision = decide(services, place, { machine });
  const host = knownHost(services, machine);
  if (host !== undefined) {
    const seen = { at: services.clock.now(), firmware: machine.arch.firmware };
    services.hosts.replace([{ ...host, seen: { ...host.seen, ...seen } }]);
  }
  const token = services.tokens.create();
  const hash = services.tokens.hash(token);
  switch (decision.kind) {
    case "local-disk":
    case "ignore":
      return decision;
    case "install":
      addInstallToken(services, host, hash);
      break;
    case "rescue":
      if (host !== undefined) {
        services.rescues.setToken(host.name, hash);
      }
      break;
    case "discover":
      services.strangers.save(seenAgain(services, place, machine));
      services.strangers.setToken(machine.mac, hash);
      break;
  }
  return decide(services, place, { machine, token });
}

function addInstallToken(services: Services, host: Host | undefined, hash: string): void {
  const install = host === undefined ? undefined : services.installs.latest(host.name);
  if (install !== undefined) {
    services.installs.addToken(install.id, hash);
  }
}

function seenAgain(services: Services, place: BootInterface, machine: Machine): Stranger {
  const now = services.clock.now();
  const before = services.strangers.get(machine.mac);
  return {
    ignored: false,
    firstSeen: now,
    ...before,
    mac: machine.mac,
    interface: place.name,
    lastSeen: now,
    firmware: machine.arch.firmware,
    ...(machine.uuid === undefined ? {} : { uuid: machine.uuid }),
  };
}

function decide(
  services: Services,
  place: BootInterface,
  asked: { readonly machine: Machine; readonly token?: string },
): BootDecision {
  const host = knownHost(services, asked.machine);
  return decideBoot(
    {
      host,
      install: host === undefined ? undefined : services.installs.latest(host.name),
      rescue: host === undefined ? undefined : services.rescues.get(host.name),
      discovery: discoveryAt(services, place, asked.machine.mac),
      now: services.clock.now(),
      processor: asked.machine.arch.processor,
      flavorArch: (name) => services.flavors.get(name)?.arch,
    },
    {
      nodeUrl: place.nodeUrl,
      pin: services.pin,
      mac: asked.machine.mac,
      ...(asked.token === undefined ? {} : { token: asked.token }),
    },
  );
}

function discoveryAt(services: Services, place: BootInterface, mac: MacAddress): Discovery | undefined {
  return place.discovers
    ? {
        flavor: services.settings.flavor,
        kernelArguments: services.settings.discoverArguments,
        isIgnored: services.strangers.get(mac)?.ignored === true,
      }
    : undefined;
}

/** Known machines, and where discovery is on those that netboot; their ramdisks ask again as an operating system does. */
export function createAddressBook(services: Services, place: BootInterface): AddressBook {
  return {
    lookup: (mac, machine) => {
      const host = machine === undefined ? services.hosts.byMac(mac) : knownHost(services, machine);
      if (host !== undefined) {
        return { hostname: host.name, ...(host.ip === undefined ? {} : { address: host.ip }) };
      }
      const stranger = place.discovers ? services.strangers.get(mac) : undefined;
      const isLetIn =
        place.discovers && stranger?.ignored !== true && (machine !== undefined || stranger !== undefined);
      return isLetIn ? { hostname: `new-${mac.replaceAll(":", "")}` } : undefined;
    },
    isReserved: (address) => services.hosts.byAddress(address) !== undefined,
  };
}
