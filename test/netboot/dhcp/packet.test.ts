import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, fromHex } from "../../../base/bytes.ts";
import { ipv4FromNumber } from "../../../base/net-types.ts";
import { readClient } from "../../../netboot/dhcp/client.ts";
import { type DhcpPacket, decodePacket, encodePacket, noAddress } from "../../../netboot/dhcp/packet.ts";
import {
  dhclientDiscover,
  dhclientRequest,
  dhcpcdDiscover,
  ipxeBiosDiscover,
  ipxeBiosRequest,
  ipxeUefiDiscover,
  ovmfDiscover,
  ovmfRequest,
  udhcpcDiscover,
} from "./captured-packets.ts";

const empty: DhcpPacket = {
  ...{ op: 2, htype: 1, hlen: 6, hops: 0, xid: 0x12345678, secs: 0, flags: 0 },
  ...{ ciaddr: noAddress, yiaddr: noAddress, siaddr: noAddress, giaddr: noAddress },
  ...{ chaddr: new Uint8Array(16), sname: "", file: "", options: new Map() },
};

const address = fc.nat(0xffffffff).map((value) => ipv4FromNumber(value));
const options = fc
  .array(
    fc.tuple(
      fc.integer({ min: 1, max: 254 }).filter((code) => code !== 52 && code !== 82),
      fc.uint8Array({ minLength: 0, maxLength: 300 }),
    ),
    { maxLength: 5 },
  )
  .map((all) => new Map(all));
const packets: fc.Arbitrary<DhcpPacket> = fc.record({
  op: fc.constantFrom(1, 2),
  htype: fc.nat(255),
  hlen: fc.nat(16),
  hops: fc.nat(255),
  xid: fc.nat(0xffffffff),
  secs: fc.nat(0xffff),
  flags: fc.nat(0xffff),
  ...{ ciaddr: address, yiaddr: address, siaddr: address, giaddr: address },
  chaddr: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  sname: fc.stringMatching(/^[a-z]{0,64}$/),
  file: fc.stringMatching(/^[a-z]{0,128}$/),
  options,
});

describe("decodePacket()", () => {
  it("reads back what encodePacket() wrote", () => {
    fc.assert(
      fc.property(packets, (packet) => {
        expect(decodePacket(encodePacket(packet, 4000))).toEqual({ ok: true, value: packet });
      }),
    );
  });

  it("answers any bytes with a packet or a reason", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (noise, shaped) => {
        const valid = encodePacket(empty);
        const bytes = shaped ? concatBytes([valid.subarray(0, 240), noise]) : noise;
        const result = decodePacket(bytes);

        expect(result.ok || result.error.length > 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("survives every single changed byte of a real packet", () => {
    const real = fromHex(ipxeBiosDiscover)!;

    for (let at = 0; at < real.length; at++) {
      const bytes = real.slice();
      bytes[at] = (bytes[at]! + 113) & 255;
      const packet = decodePacket(bytes);

      expect(packet.ok ? typeof readClient(packet.value).ok : "boolean").toBe("boolean");
    }
  });

  const head = encodePacket(empty).subarray(0, 240);
  it.each([
    ["a header alone cut short", head.subarray(0, 100), /cut short/],
    ["an option that runs over the end", concatBytes([head, Uint8Array.of(12, 10, 65)]), /cut short/],
    ["BOOTP without a cookie", concatBytes([head.subarray(0, 236), new Uint8Array(64)]), /cookie/],
    ["another op", concatBytes([Uint8Array.of(3), head.subarray(1)]), /op 3/],
    ["a hardware address of 17 bytes", concatBytes([Uint8Array.of(1, 1, 17), head.subarray(3)]), /17/],
  ])("rejects %s", (_, bytes, reason) => {
    expect(decodePacket(bytes)).toMatchObject({ ok: false, error: expect.stringMatching(reason) });
  });

  it("joins options from the options, file and sname fields (RFC 3396)", () => {
    const bytes = concatBytes([head, Uint8Array.of(52, 1, 3, 12, 1, 65, 255)]);
    bytes.set([12, 1, 67, 255], 44);
    bytes.set([0, 12, 1, 66, 255], 108);

    const packet = decodePacket(bytes);

    expect(packet).toMatchObject({
      ok: true,
      value: { file: "", sname: "", options: new Map([[12, Uint8Array.of(65, 66, 67)]]) },
    });
  });
});

describe("encodePacket()", () => {
  it("pads to 300 bytes and ends the options", () => {
    const bytes = encodePacket({ ...empty, options: new Map([[53, Uint8Array.of(2)]]) });

    expect(bytes.length).toBe(300);
    expect([...bytes.subarray(240, 245)]).toEqual([53, 1, 2, 255, 0]);
  });

  it("puts option 82 last whatever its place was", () => {
    const bytes = encodePacket({
      ...empty,
      options: new Map([
        [82, Uint8Array.of(1, 1, 9)],
        [53, Uint8Array.of(2)],
      ]),
    });

    expect([...bytes.subarray(240, 249)]).toEqual([53, 1, 2, 82, 3, 1, 1, 9, 255]);
  });

  it("never writes more than the client takes, uses the free fields, and keeps what comes first", () => {
    fc.assert(
      fc.property(packets, fc.integer({ min: 548, max: 1000 }), (packet, maximum) => {
        const first = new Map([
          [53, Uint8Array.of(5)],
          ...[...packet.options].filter(([code]) => code !== 53),
        ]);
        const bytes = encodePacket({ ...packet, file: "", sname: "", options: first }, maximum);
        const back = decodePacket(bytes);

        expect(bytes.length).toBeLessThanOrEqual(maximum);
        expect(back).toMatchObject({ ok: true });
        expect(back.ok && back.value.options.get(53)).toEqual(Uint8Array.of(5));
      }),
    );
  });
});

describe("readClient() on captured packets", () => {
  const uuid = "12345678-9abc-def0-1234-56789abcdef0";
  it.each([
    ["dhclient's DISCOVER", dhclientDiscover, { type: "discover", mac: "52:54:00:aa:00:01" }],
    ["dhclient's REQUEST", dhclientRequest, { type: "request", mac: "52:54:00:aa:00:01" }],
    ["udhcpc's DISCOVER", udhcpcDiscover, { type: "discover", mac: "52:54:00:aa:00:01" }],
    ["dhcpcd's DISCOVER", dhcpcdDiscover, { type: "discover", mac: "52:54:00:aa:00:01" }],
    [
      "iPXE's DISCOVER under SeaBIOS",
      ipxeBiosDiscover,
      { type: "discover", canHttp: true, machine: { isIpxe: true, arch: { code: 0, firmware: "bios" } } },
    ],
    ["iPXE's REQUEST under SeaBIOS", ipxeBiosRequest, { type: "request", machine: { isIpxe: true } }],
    [
      "OVMF's DISCOVER",
      ovmfDiscover,
      {
        type: "discover",
        machine: { isIpxe: false, isHttpBoot: false, uuid, arch: { code: 7, firmware: "uefi" } },
      },
    ],
    ["OVMF's REQUEST", ovmfRequest, { type: "request", machine: { isIpxe: false, uuid } }],
    [
      "snponly.efi's DISCOVER",
      ipxeUefiDiscover,
      { type: "discover", canHttp: true, machine: { isIpxe: true, uuid, arch: { code: 7 } } },
    ],
  ])("knows %s", (_, hex, client) => {
    const packet = decodePacket(fromHex(hex)!);

    expect(packet.ok && readClient(packet.value)).toMatchObject({ ok: true, value: client });
  });

  it.each([dhclientDiscover, udhcpcDiscover, dhcpcdDiscover])(
    "takes an operating system's client for no machine that boots",
    (hex) => {
      const packet = decodePacket(fromHex(hex)!);
      const client = packet.ok ? readClient(packet.value) : packet;

      expect(client.ok && client.value.machine).toBeUndefined();
    },
  );

  it.each([
    ["a server's message", { op: 2 }],
    ["another hardware type", { htype: 6 }],
    ["a group's address", { chaddr: Uint8Array.from({ length: 16 }, () => 255) }],
    ["no message type", { options: new Map() }],
    ["a server's message type", { options: new Map([[53, Uint8Array.of(2)]]) }],
  ] as const)("refuses %s", (_, change) => {
    const packet = decodePacket(fromHex(dhclientDiscover)!);

    expect(packet.ok && readClient({ ...packet.value, ...change }).ok).toBe(false);
  });
});
