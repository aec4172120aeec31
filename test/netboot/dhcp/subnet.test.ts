import { describe, expect, it } from "vitest";
import { fromHex } from "../../../base/bytes.ts";
import type { Ipv4Address } from "../../../base/net-types.ts";
import { duration } from "../../../base/quantity.ts";
import { foreignServer } from "../../../netboot/dhcp/foreign-server.ts";
import { addressesValue } from "../../../netboot/dhcp/options.ts";
import { type DhcpPacket, decodePacket } from "../../../netboot/dhcp/packet.ts";
import type { DhcpSettings } from "../../../netboot/dhcp/settings.ts";
import { settingsFor } from "../../../netboot/dhcp/subnet.ts";
import { dhclientDiscover } from "./captured-packets.ts";

const ip = (text: string): Ipv4Address => text as Ipv4Address;
const settings: DhcpSettings = {
  ...{ interfaceName: "eth1", mode: "server", address: ip("10.77.0.1"), dns: [ip("10.77.0.2")] },
  ...{
    leaseTime: duration(60_000),
    router: ip("10.77.0.254"),
    domain: "example",
    boot: { httpBase: "", loaders: {} },
  },
  subnet: { network: ip("10.77.0.0"), prefix: 24 },
  pool: { from: ip("10.77.0.100"), to: ip("10.77.0.110") },
  relayed: [
    { subnet: { network: ip("192.0.2.0"), prefix: 24 }, router: ip("192.0.2.1") },
    { subnet: { network: ip("198.51.100.0"), prefix: 24 }, leaseTime: duration(1000), dns: [] },
  ],
};

function packet(
  change: Partial<DhcpPacket>,
  options: readonly (readonly [number, Uint8Array])[] = [],
): DhcpPacket {
  const read = decodePacket(fromHex(dhclientDiscover)!);
  if (!read.ok) {
    throw new Error(read.error);
  }
  return { ...read.value, ...change, options: new Map([[53, Uint8Array.of(3)], ...options]) };
}

/** Option 82 with a circuit and RFC 3527's link selection. */
const link = [82, Uint8Array.of(1, 2, 9, 9, 5, 4, 198, 51, 100, 0)] as const;

describe("settingsFor()", () => {
  const cases: readonly (readonly [name: string, asked: DhcpPacket, network: string | undefined])[] = [
    ["the own wire", packet({}), "10.77.0.0"],
    ["a relay in the own subnet", packet({ giaddr: ip("10.77.0.9") }), "10.77.0.0"],
    ["a relay in another subnet", packet({ giaddr: ip("192.0.2.1") }), "192.0.2.0"],
    ["a relay's link selection", packet({ giaddr: ip("10.99.0.1") }, [link]), "198.51.100.0"],
    ["link selection without a relay says nothing", packet({}, [link]), "10.77.0.0"],
    ["a relayed machine that renews by itself", packet({ ciaddr: ip("192.0.2.77") }), "192.0.2.0"],
    ["an address from nowhere, which gets its NAK", packet({ ciaddr: ip("203.0.113.7") }), "10.77.0.0"],
    ["a relay from nowhere", packet({ giaddr: ip("203.0.113.1") }), undefined],
  ];

  it.each(cases)("%s", (_, asked, network) => {
    const found = settingsFor(asked, settings);

    expect(found.ok ? found.value.subnet.network : undefined).toBe(network);
  });

  it("takes from a relay whom its clients shall take for the server, and from nobody else", () => {
    const override = [82, Uint8Array.of(11, 4, 192, 0, 2, 1)] as const;
    const ofRelay = settingsFor(packet({ giaddr: ip("192.0.2.1") }, [override]), settings);
    const ofClient = settingsFor(packet({}, [override]), settings);

    expect(ofRelay.ok && ofRelay.value.serverId).toBe("192.0.2.1");
    expect(ofRelay.ok && ofRelay.value.address).toBe("10.77.0.1");
    expect(ofClient.ok && ofClient.value.serverId).toBeUndefined();
    const chosen = packet({}, [
      [54, addressesValue([ip("192.0.2.1")])],
      [50, addressesValue([ip("192.0.2.77")])],
    ]);
    expect(ofRelay.ok && foreignServer(chosen, ofRelay.value)).toBeUndefined();
  });

  it("takes router and pool from the relayed subnet only, the rest from the interface where it says nothing", () => {
    const first = settingsFor(packet({ giaddr: ip("192.0.2.1") }), settings);
    const second = settingsFor(packet({ giaddr: ip("198.51.100.1") }), settings);

    expect(first.ok && first.value).toMatchObject({
      router: "192.0.2.1",
      dns: ["10.77.0.2"],
      domain: "example",
    });
    expect(first.ok && first.value.pool).toBeUndefined();
    expect(second.ok && second.value).toMatchObject({ dns: [], leaseTime: 1000 });
    expect(second.ok && second.value.router).toBeUndefined();
  });
});

describe("foreignServer()", () => {
  const other = [54, addressesValue([ip("10.77.0.9")])] as const;
  const far = [54, addressesValue([ip("203.0.113.9")])] as const;
  const cases: readonly (readonly [name: string, asked: DhcpPacket, found: string | undefined])[] = [
    ["a server here", packet({}, [other]), "10.77.0.9"],
    [
      "a server elsewhere that gives addresses of here",
      packet({}, [far, [50, addressesValue([ip("10.77.0.50")])]]),
      "203.0.113.9",
    ],
    ["another interface's business", packet({}, [far, [50, addressesValue([ip("192.168.1.5")])]]), undefined],
    ["ourselves", packet({}, [[54, addressesValue([ip("10.77.0.1")])]]), undefined],
    ["a client that renews names nobody", packet({ ciaddr: ip("10.77.0.50") }), undefined],
    ["no REQUEST", packet({}, [other, [53, Uint8Array.of(7)]]), undefined],
  ];

  it.each(cases)("%s", (_, asked, found) => {
    expect(foreignServer(asked, settings)).toBe(found);
  });
});
