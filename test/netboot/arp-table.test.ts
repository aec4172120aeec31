import { expect, it } from "vitest";
import { neighboursOf } from "../../netboot/arp-table.ts";

// `cat /proc/net/arp` of Linux 6.1: an answer, a question without one, the same address on another interface.
const table = `IP address       HW type     Flags       HW address            Mask     Device
10.77.0.5        0x1         0x2         52:54:00:aa:00:05     *        br0
10.77.0.6        0x1         0x0         00:00:00:00:00:00     *        br0
10.77.0.7        0x1         0x2         52:54:00:aa:00:07     *        eth0
`;

it.each([
  ["br0", ["10.77.0.5 52:54:00:aa:00:05"]],
  ["eth0", ["10.77.0.7 52:54:00:aa:00:07"]],
  ["eth1", []],
])("neighboursOf() lists who answered on %s", (interfaceName, expected) => {
  expect([...neighboursOf(table, interfaceName)].map((pair) => pair.join(" "))).toEqual(expected);
  expect(neighboursOf("", interfaceName).size).toBe(0);
});
