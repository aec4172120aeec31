import { expect, it } from "vitest";
import { findNeighbour } from "../../netboot/arp-table.ts";

// `cat /proc/net/arp` of Linux 6.1: an answer, a question without one, the same address on another interface.
const table = `IP address       HW type     Flags       HW address            Mask     Device
10.77.0.5        0x1         0x2         52:54:00:aa:00:05     *        br0
10.77.0.6        0x1         0x0         00:00:00:00:00:00     *        br0
10.77.0.7        0x1         0x2         52:54:00:aa:00:07     *        eth0
`;

it.each([
  ["10.77.0.5", "52:54:00:aa:00:05"],
  ["10.77.0.6", undefined],
  ["10.77.0.7", undefined],
  ["10.77.0.50", undefined],
])("findNeighbour() finds who answers for %s on br0: %s", (address, mac) => {
  expect(findNeighbour(table, { address, interfaceName: "br0" })).toBe(mac);
});
