/** A room that is powered on at once: five hundred machines ask in the same instant, as EDK2 does, and ask again as it does. */
import { describe, expect, it } from "vitest";
import { fromHex } from "../../../base/bytes.ts";
import {
  type Ipv4Address,
  ipv4FromNumber,
  ipv4ToNumber,
  type MacAddress,
  macToBytes,
} from "../../../base/net-types.ts";
import { discardLog } from "../../../base/ports.ts";
import { duration } from "../../../base/quantity.ts";
import type { HostAddress } from "../../../netboot/booter.ts";
import type { Lease } from "../../../netboot/dhcp/lease.ts";
import { addressesValue, option, readU8 } from "../../../netboot/dhcp/options.ts";
import { type DhcpPacket, decodePacket, encodePacket } from "../../../netboot/dhcp/packet.ts";
import { DhcpServer } from "../../../netboot/dhcp/server.ts";
import { badWire, FakeLan, VirtualClock } from "../../fakes/network.ts";
import { dhclientDiscover } from "./captured-packets.ts";

const count = 500;
const serverAddress = "10.77.0.1" as Ipv4Address;
const everyone = { address: "255.255.255.255" as Ipv4Address, port: 67 };
const fixedFrom = ipv4ToNumber("10.77.1.0" as Ipv4Address);
/** EDK2's DHCP4 driver: 4, 8, 16 and 32 seconds. */
const patience = [4000, 8000, 16_000, 32_000];

function macOf(index: number): MacAddress {
  return `52:54:00:00:${(index >> 8).toString(16).padStart(2, "0")}:${(index & 255).toString(16).padStart(2, "0")}` as MacAddress;
}

/** Every other machine has an address of its own; the rest shares a pool that has just enough. */
function hostOf(index: number): HostAddress {
  const hostname = `n${index}`;
  return index % 2 === 0 ? { hostname, address: ipv4FromNumber(fixedFrom + index) } : { hostname };
}

function template(): DhcpPacket {
  const packet = decodePacket(fromHex(dhclientDiscover)!);
  if (!packet.ok) {
    throw new Error(packet.error);
  }
  return packet.value;
}

describe("a storm of five hundred machines", () => {
  it.each([0, 0.2])(
    "through %d loss gives each its own address, durable before it is told",
    async (loss) => {
      const clock = new VirtualClock();
      const lan = new FakeLan(clock, badWire({ seed: 11, loss, twice: 0.1 }));
      const hosts = new Map(Array.from({ length: count }, (_, index) => [macOf(index), hostOf(index)]));
      const durable = new Map<Ipv4Address, Lease>();
      const checks = { now: 0, most: 0 };
      const server = new DhcpServer({
        settings: {
          ...{ interfaceName: "eth1", mode: "server", address: serverAddress, dns: [] },
          leaseTime: duration(3_600_000),
          subnet: { network: "10.77.0.0" as Ipv4Address, prefix: 16 },
          pool: {
            from: "10.77.8.1" as Ipv4Address,
            to: ipv4FromNumber(ipv4ToNumber("10.77.8.0" as Ipv4Address) + 250),
          },
          boot: { httpBase: "http://10.77.0.1", loaders: {} },
        },
        addressCheck: {
          findUser: async () => {
            checks.now += 1;
            checks.most = Math.max(checks.most, checks.now);
            await clock.sleep(duration(300));
            checks.now -= 1;
            return undefined;
          },
        },
        booter: { decide: () => ({ kind: "local-disk", reason: "installed" }) },
        addresses: {
          lookup: (mac) => hosts.get(mac),
          isReserved: (address) => ipv4ToNumber(address) >> 8 === fixedFrom >> 8,
        },
        leases: {
          load: () => [],
          // A disk that takes its time.
          put: async (lease) => {
            await clock.sleep(duration(20));
            durable.set(lease.address, lease);
          },
        },
        ...{ sockets: lan, clock, log: discardLog },
      });
      await server.start();

      const base = template();
      const got = new Map<number, Ipv4Address>();
      const wrong: string[] = [];
      const socket = await lan.open({
        local: { address: "0.0.0.0" as Ipv4Address, port: 68 },
        ...{ broadcast: true, shared: true },
        receive: (bytes) => {
          const packet = decodePacket(bytes);
          if (!packet.ok || packet.value.op !== 2) {
            return;
          }
          const { xid, yiaddr, options } = packet.value;
          const type = readU8(options, option.messageType);
          if (type === 2 && !got.has(xid)) {
            say(xid, 3, { 54: addressesValue([serverAddress]), 50: addressesValue([yiaddr]) });
          } else if (type === 5) {
            if (durable.get(yiaddr)?.mac !== macOf(xid)) {
              wrong.push(`${yiaddr} was told to ${xid} before it was written down for it`);
            }
            if ((got.get(xid) ?? yiaddr) !== yiaddr) {
              wrong.push(`${xid} was given two addresses`);
            }
            got.set(xid, yiaddr);
          } else if (type === 6) {
            wrong.push(`${xid} was refused`);
          }
        },
      });
      function say(index: number, type: number, options: Readonly<Record<number, Uint8Array>> = {}): void {
        const chaddr = new Uint8Array(16);
        chaddr.set(macToBytes(macOf(index)));
        const all = new Map([
          [option.messageType, Uint8Array.of(type)],
          ...Object.entries(options).map(([code, value]) => [Number(code), value] as const),
        ]);
        socket.post(encodePacket({ ...base, xid: index, chaddr, options: all }), everyone);
      }
      function discover(index: number, attempt: number): void {
        if (!got.has(index)) {
          say(index, 1);
          clock.at(patience[attempt % 4]!, () => discover(index, attempt + 1));
        }
      }

      const begun = clock.now();
      for (let index = 0; index < count; index++) {
        discover(index, 0);
      }
      await clock.run(() => got.size === count);

      expect(wrong).toEqual([]);
      expect(got.size).toBe(count);
      expect(new Set(got.values()).size).toBe(count);
      for (let index = 0; index < count; index += 2) {
        expect(got.get(index)).toBe(hostOf(index).address);
      }
      expect(checks.most).toBeLessThanOrEqual(1024);
      if (loss === 0) {
        // Nobody had to ask twice: the virtual second is the address check and the disk.
        expect(clock.now() - begun).toBeLessThan(1000);
        expect(server.counts.dropped).toBe(0);
      }
      await server.stop();
    },
    120_000,
  );
});
