/**
 * Finds out who has an address by making the kernel ask: a datagram to the address needs its hardware address, and the answer
 * stands in the kernel's table. Unlike a ping it needs no raw socket, and no host can refuse it.
 */
import { readFile } from "node:fs/promises";
import type { Ipv4Address, MacAddress } from "../base/net-types.ts";
import type { Clock } from "../base/ports.ts";
import { duration } from "../base/quantity.ts";
import { neighboursOf } from "./arp-table.ts";
import type { AddressCheck } from "./dhcp/address-check.ts";
import type { DatagramSockets } from "./udp.ts";

/** The discard service (RFC 863): nothing is said by what is sent there. */
const discardPort = 9;
/** A LAN's answer takes a millisecond or two; firmware asks again after four seconds. */
const patience = 300;
const step = 50;

interface Waiting {
  readonly address: Ipv4Address;
  readonly until: number;
  readonly done: (user: MacAddress | undefined) => void;
}

/** However many addresses are asked for at once, the kernel's table is read by one reader. */
export function createArpCheck(options: {
  readonly interfaceName: string;
  /** The interface's own address. */
  readonly address: Ipv4Address;
  readonly sockets: DatagramSockets;
  readonly clock: Clock;
}): AddressCheck {
  const { clock, sockets } = options;
  let waiting: Waiting[] = [];

  async function ask(address: Ipv4Address): Promise<void> {
    const socket = await sockets.open({
      local: { address: options.address, port: 0 },
      receive: () => undefined,
    });
    await socket.send(Uint8Array.of(0), { address, port: discardPort }).catch(() => undefined);
    await socket.close();
  }

  async function watchTable(): Promise<void> {
    while (waiting.length > 0) {
      await clock.sleep(duration(step));
      const table = await readFile("/proc/net/arp", "latin1").catch(() => "");
      const known = neighboursOf(table, options.interfaceName);
      const now = clock.now();
      const asked = waiting;
      waiting = asked.filter(({ address, until }) => !known.has(address) && until > now);
      for (const one of asked) {
        if (!waiting.includes(one)) {
          one.done(known.get(one.address));
        }
      }
    }
  }

  return {
    async findUser(address) {
      await ask(address);
      return await new Promise((done) => {
        waiting.push({ address, until: clock.now() + patience, done });
        if (waiting.length === 1) {
          void watchTable();
        }
      });
    },
  };
}
