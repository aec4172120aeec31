/** A program for tests: asks the wire of an address as each kind of machine and prints the answers as JSON. ADDRESS MAC SECONDS. */
import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import { nodeDatagramSockets } from "../../netboot/node-udp.ts";
import { probeDhcp } from "../../netboot/probe/dhcp-probe.ts";
import { systemClock, systemRandom } from "../../server/system.ts";

const [address, mac, seconds] = process.argv.slice(2);
const answers = await probeDhcp({
  address: address as Ipv4Address,
  askers: (["plain", "bios", "uefi", "http"] as const).map((kind) => ({ kind, mac: mac as MacAddress })),
  wait: Number(seconds) * 1000,
  sockets: nodeDatagramSockets,
  clock: systemClock,
  random: systemRandom,
});
process.stdout.write(JSON.stringify(answers));
