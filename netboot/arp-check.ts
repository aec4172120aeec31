/**
 * Finds out who has an address by making the kernel ask: a datagram to the address needs its hardware address, and the answer
 * stands in the kernel's table. Unlike a ping it needs no raw socket, and no host can refuse it.
 */
import { readFile } from "node:fs/promises";
import type { Ipv4Address } from "../base/net-types.ts";
import type { Clock } from "../base/ports.ts";
import { duration } from "../base/quantity.ts";
import { findNeighbour } from "./arp-table.ts";
import type { AddressCheck } from "./dhcp/address-check.ts";
import type { DatagramSockets } from "./udp.ts";

/** The discard service (RFC 863): nothing is said by what is sent there. */
const discardPort = 9;
/** A LAN's answer takes a millisecond or two; firmware asks again after four seconds. */
const patience = 300;
const step = 50;

export function createArpCheck(options: {
  readonly interfaceName: string;
  /** The interface's own address. */
  readonly address: Ipv4Address;
  readonly sockets: DatagramSockets;
  readonly clock: Clock;
}): AddressCheck {
  return {
    async findUser(address) {
      const socket = await options.sockets.open({
        local: { address: options.address, port: 0 },
        receive: () => undefined,
      });
      try {
        await socket.send(Uint8Array.of(0), { address, port: discardPort }).catch(() => undefined);
        for (let waited = 0; waited < patience; waited += step) {
          await options.clock.sleep(duration(step));
          const table = await readFile("/proc/net/arp", "latin1").catch(() => "");
          const found = findNeighbour(table, { address, interfaceName: options.interfaceName });
          if (found !== undefined) {
            return found;
          }
        }
        return undefined;
      } finally {
        await socket.close();
      }
    },
  };
}
