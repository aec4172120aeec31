/** The boot policy and the address book over the registry, for one interface where machines netboot. */
import type { AddressBook, BootDecision, Booter, Machine } from "../../netboot/booter.ts";
import { decideBoot } from "../boot-policy.ts";
import type { Services } from "../services.ts";

export interface BootInterface {
  /** `https://10.0.0.1:8443`. */
  readonly nodeUrl: string;
  /** `http://10.0.0.1:8088`. */
  readonly bootUrl: string;
}

/** Decides without using anything up: DHCP asks several times per boot. */
export function createBooter(services: Services, place: BootInterface): Booter {
  return { decide: (machine) => decide(services, place, { machine }) };
}

/**
 * Decides for a machine that fetches its boot script now: an armed node gets a token of its own on the kernel's command line.
 * Fetched again before the install has started (a retry, a reset), it gets another; the first that is used ends the rest.
 */
export function decideForScript(services: Services, place: BootInterface, machine: Machine): BootDecision {
  const decision = decide(services, place, { machine });
  const host = services.hosts.byMac(machine.mac);
  if (host !== undefined) {
    const seen = { at: services.clock.now(), firmware: machine.arch.firmware };
    services.hosts.replace([{ ...host, seen: { ...host.seen, ...seen } }]);
  }
  const install = host === undefined ? undefined : services.installs.latest(host.name);
  if (decision.kind !== "install" || install === undefined) {
    return decision;
  }
  const token = services.tokens.create();
  services.installs.addToken(install.id, services.tokens.hash(token));
  return decide(services, place, { machine, token });
}

function decide(
  services: Services,
  place: BootInterface,
  asked: { readonly machine: Machine; readonly token?: string },
): BootDecision {
  const host = services.hosts.byMac(asked.machine.mac);
  return decideBoot(
    {
      host,
      install: host === undefined ? undefined : services.installs.latest(host.name),
      now: services.clock.now(),
      hasFlavor: (name) => services.flavors.has(name),
    },
    {
      nodeUrl: place.nodeUrl,
      pin: services.pin,
      mac: asked.machine.mac,
      ...(asked.token === undefined ? {} : { token: asked.token }),
    },
  );
}

export function createAddressBook(services: Services): AddressBook {
  return {
    lookup: (mac) => {
      const host = services.hosts.byMac(mac);
      return host === undefined
        ? undefined
        : { hostname: host.name, ...(host.ip === undefined ? {} : { address: host.ip }) };
    },
    isReserved: (address) => services.hosts.byAddress(address) !== undefined,
  };
}
