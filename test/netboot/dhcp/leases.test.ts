import { describe, expect, it } from "vitest";
import type { Ipv4Address, MacAddress } from "../../../base/net-types.ts";
import { duration } from "../../../base/quantity.ts";
import type { Lease } from "../../../netboot/dhcp/lease.ts";
import { LeaseBook } from "../../../netboot/dhcp/lease-book.ts";
import { chooseAddress } from "../../../netboot/dhcp/leases.ts";
import type { DhcpSettings } from "../../../netboot/dhcp/settings.ts";

const a = (last: number): Ipv4Address => `10.77.0.${last}` as Ipv4Address;
const mac = (last: number): MacAddress => `52:54:00:00:00:0${last}` as MacAddress;
const settings: DhcpSettings = {
  ...{
    interfaceName: "eth1",
    mode: "server",
    address: a(1),
    router: a(101),
    dns: [],
    leaseTime: duration(1),
  },
  ...{ subnet: { network: a(0), prefix: 24 }, pool: { from: a(100), to: a(103) } },
  boot: { httpBase: "http://10.77.0.1", loaders: {} },
};
const now = 1_000_000;

function lease(last: number, who: number, expiresIn: number, state: Lease["state"] = "bound"): Lease {
  return { address: a(last), mac: mac(who), hostname: "h", expiresAt: now + expiresIn, state };
}

describe("chooseAddress()", () => {
  const cases: readonly {
    readonly name: string;
    readonly leases?: readonly Lease[];
    readonly fixed?: Ipv4Address;
    readonly wanted?: Ipv4Address;
    readonly offered?: Ipv4Address;
    readonly pool?: undefined;
    readonly expected: string;
  }[] = [
    { name: "gives the fixed address", fixed: a(11), expected: "10.77.0.11" },
    {
      name: "gives it to each of a node's cards",
      fixed: a(11),
      leases: [lease(11, 2, 50)],
      expected: "10.77.0.11",
    },
    {
      name: "refuses a fixed address of another subnet",
      fixed: "192.0.2.1" as Ipv4Address,
      expected: "not one for eth1",
    },
    { name: "refuses the broadcast address", fixed: a(255), expected: "not one for eth1" },
    { name: "refuses the server's own address", fixed: a(1), expected: "not one for eth1" },
    {
      name: "refuses a declined fixed address",
      fixed: a(11),
      leases: [lease(11, 1, 50, "declined")],
      expected: "in use",
    },
    {
      name: "gives it again when the decline is over",
      fixed: a(11),
      leases: [lease(11, 1, -1, "declined")],
      expected: "10.77.0.11",
    },
    {
      name: "gives the pool's first free address, not the router's or a reserved one",
      leases: [lease(100, 2, 50)],
      expected: "10.77.0.103",
    },
    { name: "keeps to the machine's lease", leases: [lease(103, 1, 50)], expected: "10.77.0.103" },
    { name: "keeps to the lease it had", leases: [lease(103, 1, -50)], expected: "10.77.0.103" },
    { name: "gives what the client wants where it is free", wanted: a(103), expected: "10.77.0.103" },
    {
      name: "does not give what another holds",
      wanted: a(103),
      leases: [lease(103, 2, 50)],
      expected: "10.77.0.100",
    },
    { name: "does not give what another was offered", offered: a(100), expected: "10.77.0.103" },
    {
      name: "takes the lease that ended longest ago",
      leases: [lease(100, 2, -10), lease(103, 3, -99)],
      expected: "10.77.0.103",
    },
    { name: "does not give a wanted address outside the pool", wanted: a(50), expected: "10.77.0.100" },
    {
      name: "says when the pool is used up",
      leases: [lease(100, 2, 9), lease(103, 3, 9)],
      expected: "used up",
    },
    { name: "says when there is no pool", pool: undefined, expected: "no pool" },
  ];
  it.each(cases)("$name", (given) => {
    const { pool: _, ...without } = settings;
    const book = new LeaseBook();
    for (const held of given.leases ?? []) {
      book.put(held);
    }
    if (given.offered !== undefined) {
      book.hold(given.offered, { mac: mac(2), until: now + 1 });
    }

    const result = chooseAddress(
      {
        ...{
          mac: mac(1),
          now,
          host: { hostname: "h", ...(given.fixed === undefined ? {} : { address: given.fixed }) },
        },
        ...(given.wanted === undefined ? {} : { wanted: given.wanted }),
      },
      {
        settings: "pool" in given ? without : settings,
        book,
        isReserved: (address) => address === a(102),
      },
    );

    expect(result.ok ? result.value : result.error).toContain(given.expected);
  });
});
