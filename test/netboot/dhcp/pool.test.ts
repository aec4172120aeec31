import { describe, expect, it } from "vitest";
import { type Ipv4Address, ipv4FromNumber, ipv4ToNumber, type MacAddress } from "../../../base/net-types.ts";
import { duration } from "../../../base/quantity.ts";
import { LeaseBook } from "../../../netboot/dhcp/lease-book.ts";
import { chooseAddress } from "../../../netboot/dhcp/leases.ts";
import type { DhcpSettings } from "../../../netboot/dhcp/settings.ts";

const first = ipv4ToNumber("10.78.0.2" as Ipv4Address);
const settings: DhcpSettings = {
  ...{ interfaceName: "eth1", mode: "server", dns: [], leaseTime: duration(1) },
  address: "10.78.0.1" as Ipv4Address,
  subnet: { network: "10.78.0.0" as Ipv4Address, prefix: 16 },
  pool: { from: "10.78.0.2" as Ipv4Address, to: "10.78.255.254" as Ipv4Address },
  boot: { httpBase: "http://10.78.0.1", loaders: {} },
};

function macOf(index: number): MacAddress {
  const tail = [index >> 16, index >> 8, index].map((byte) => (byte & 255).toString(16).padStart(2, "0"));
  return `52:54:00:${tail.join(":")}` as MacAddress;
}

/** Counts what is looked at: leases, and addresses that are asked about. */
class CountingBook extends LeaseBook {
  looks = 0;

  override lease(address: Ipv4Address) {
    this.looks += 1;
    return super.lease(address);
  }
}

function rig(pool = settings.pool!) {
  const book = new CountingBook();
  const reserved = new Set<Ipv4Address>();
  const give = (machine: number, now: number): string => {
    book.lapse(now);
    const chosen = chooseAddress(
      { mac: macOf(machine), host: { hostname: "h" }, now },
      {
        book,
        settings: { ...settings, pool },
        isReserved: (address) => {
          book.looks += 1;
          return reserved.has(address);
        },
      },
    );
    return chosen.ok ? chosen.value : chosen.error;
  };
  const bind = (address: string, machine: number, expiresAt: number): void => {
    const lease = { address: address as Ipv4Address, mac: macOf(machine), hostname: "h", expiresAt };
    book.put({ ...lease, state: "bound" });
  };
  return { book, reserved, give, bind };
}

const small = { from: "10.78.0.2" as Ipv4Address, to: "10.78.0.4" as Ipv4Address };

describe("a pool", () => {
  it("of a /16 with 10,000 leases is not looked through for each message", () => {
    const { book, give, bind } = rig();
    for (let index = 0; index < 10_000; index++) {
      bind(ipv4FromNumber(first + index), index, 1_000_000 + index);
    }
    give(20_000, 0);
    book.looks = 0;
    let renewed = 0;

    // New machines are offered an address and bind it; old ones renew.
    for (let index = 0; index < 1000; index++) {
      const address = give(20_000 + index, index) as Ipv4Address;
      book.hold(address, { mac: macOf(20_000 + index), until: index + 60_000 });
      bind(give(20_000 + index, index), 20_000 + index, 2_000_000);
      renewed += give(index, index) === ipv4FromNumber(first + index) ? 1 : 0;
    }
    expect(renewed).toBe(1000);

    // Three questions a round; each looks at a handful of addresses.
    expect(book.looks).toBeLessThan(20_000);
  });

  it("that is full is not looked through either: what ended first is known", () => {
    const { book, give, bind } = rig({ ...settings.pool!, to: "10.78.15.254" as Ipv4Address });
    const size = ipv4ToNumber("10.78.15.254" as Ipv4Address) - first + 1;
    for (let index = 0; index < size; index++) {
      bind(ipv4FromNumber(first + index), index, 1_000_000 + ((index * 7919) % size));
    }
    give(80_000, 0);
    book.looks = 0;
    let refused = 0;

    for (let index = 0; index < 1000; index++) {
      refused += give(80_000, 25 * index).includes("used up") ? 1 : 0;
    }
    expect(refused).toBe(1000);
    const taken = new Set<string>();
    for (let index = 0; index < 1000; index++) {
      const address = give(90_000 + index, 2_000_000);
      taken.add(address);
      bind(address, 90_000 + index, 9_000_000);
    }

    expect(taken.size).toBe(1000);
    expect(taken.has("10.78.0.2")).toBe(true);
    // One more walk through the pool, since half a minute has passed; no walk for each message.
    expect(book.looks).toBeLessThan(3 * size);
  });

  it("gives a new lease's address last: never had, come back, ended longest ago", () => {
    const { book, give, bind } = rig(small);
    bind("10.78.0.2", 2, 100);
    bind("10.78.0.4", 4, 90);
    book.hold("10.78.0.3" as Ipv4Address, { mac: macOf(3), until: 150 });

    expect(give(1, 120)).toBe("10.78.0.4");
    expect(give(1, 160)).toBe("10.78.0.3");
  });

  it("renewed in time is not given away by the end it had before", () => {
    const { give, bind } = rig(small);
    bind("10.78.0.2", 2, 100);
    bind("10.78.0.3", 3, 110);
    bind("10.78.0.4", 4, 120);
    expect(give(1, 50)).toContain("used up");
    bind("10.78.0.2", 2, 500);

    expect(give(1, 130)).toBe("10.78.0.3");
    bind("10.78.0.3", 1, 600);
    expect(give(5, 130)).toBe("10.78.0.4");
    bind("10.78.0.4", 5, 600);
    expect(give(6, 499)).toContain("used up");
    expect(give(6, 501)).toBe("10.78.0.2");
  });

  it("finds what is reserved no more, within half a minute", () => {
    const { reserved, give, bind } = rig(small);
    reserved.add("10.78.0.3" as Ipv4Address);
    bind("10.78.0.2", 2, 1e9);
    bind("10.78.0.4", 4, 1e9);
    expect(give(1, 1000)).toContain("used up");
    reserved.clear();

    expect(give(1, 2000)).toContain("used up");
    expect(give(1, 31_001)).toBe("10.78.0.3");
  });
});
