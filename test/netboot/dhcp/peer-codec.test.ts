import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { Ipv4Address } from "../../../base/net-types.ts";
import { addressesValue, textValue, u32Value } from "../../../netboot/dhcp/options.ts";
import { encodePacket, noAddress } from "../../../netboot/dhcp/packet.ts";

interface PeerPacket {
  readonly xid: number;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly chaddr: string;
  readonly file: string;
  readonly options: Readonly<Record<number, unknown>>;
}

const peer = ownCopy("dhcp/lib/protocol.js") as { parse(bytes: Buffer): PeerPacket };
const address = (last: number): Ipv4Address => `10.77.0.${last}` as Ipv4Address;

/** Loads a module of the package apart from all others: the probe takes out of the package's table what it would read of options. */
function ownCopy(name: string): unknown {
  const require = createRequire(import.meta.url);
  for (const file of Object.keys(require.cache).filter((each) => each.includes("/node_modules/dhcp/"))) {
    delete require.cache[file];
  }
  return require(name);
}

describe("the dhcp package's parser", () => {
  it("reads the same from our replies", () => {
    const warn = vi.spyOn(console, "error").mockImplementation(() => undefined);
    fc.assert(
      fc.property(
        fc.nat(0xffffffff),
        fc.integer({ min: 2, max: 254 }),
        fc.stringMatching(/^[a-z0-9.-]{1,60}$/),
        (xid, last, name) => {
          const bytes = encodePacket({
            ...{ op: 2, htype: 1, hlen: 6, hops: 0, xid, secs: 0, flags: 0x8000, sname: "", file: name },
            ...{ ciaddr: noAddress, yiaddr: address(last), siaddr: address(1), giaddr: noAddress },
            chaddr: Uint8Array.from({ length: 16 }, (_, index) => (index < 6 ? index * 16 + 2 : 0)),
            options: new Map([
              [53, Uint8Array.of(5)],
              [54, addressesValue([address(1)])],
              [51, u32Value(3600)],
              [1, addressesValue(["255.255.255.0" as Ipv4Address])],
              [3, addressesValue([address(1)])],
              [6, addressesValue([address(1), address(2)])],
              [12, textValue(name)],
            ]),
          });

          const packet = peer.parse(Buffer.from(bytes));

          expect(packet).toMatchObject({ xid, yiaddr: address(last), siaddr: address(1), file: name });
          expect(packet.chaddr.toLowerCase()).toBe("02-12-22-32-42-52");
          expect(packet.options).toEqual({
            53: 5,
            54: address(1),
            51: 3600,
            1: "255.255.255.0",
            3: [address(1)],
            6: [address(1), address(2)],
            12: name,
          });
        },
      ),
    );
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });
});
