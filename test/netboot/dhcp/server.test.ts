import { describe, expect, it } from "vitest";
import { fromHex } from "../../../base/bytes.ts";
import { type Ipv4Address, type MacAddress, macToBytes } from "../../../base/net-types.ts";
import { discardLog } from "../../../base/ports.ts";
import { duration } from "../../../base/quantity.ts";
import type { HostAddress } from "../../../netboot/booter.ts";
import type { Lease, LeaseStore } from "../../../netboot/dhcp/lease.ts";
import { addressesValue, option, readU8 } from "../../../netboot/dhcp/options.ts";
import { type DhcpPacket, decodePacket, encodePacket } from "../../../netboot/dhcp/packet.ts";
import { DhcpServer } from "../../../netboot/dhcp/server.ts";
import type { DhcpSettings } from "../../../netboot/dhcp/settings.ts";
import { badWire, FakeLan, perfectWire, VirtualClock, type Wire } from "../../fakes/network.ts";
import { dhclientDiscover } from "./captured-packets.ts";

const serverAddress = "10.77.0.1" as Ipv4Address;
const everyone = "255.255.255.255" as Ipv4Address;

class MemoryLeases implements LeaseStore {
  readonly kept = new Map<Ipv4Address, Lease>();
  broken: boolean = false;

  load(): readonly Lease[] {
    return [...this.kept.values()];
  }

  async put(lease: Lease): Promise<void> {
    await Promise.resolve();
    if (this.broken) {
      throw new Error("the disk is full");
    }
    this.kept.set(lease.address, lease);
  }
}

async function rig(
  hosts: Readonly<Record<string, HostAddress>>,
  wire: Wire = perfectWire,
  leases = new MemoryLeases(),
  more: { readonly users?: ReadonlyMap<string, string>; readonly relayed?: DhcpSettings["relayed"] } = {},
) {
  const clock = new VirtualClock();
  const lan = new FakeLan(clock, wire);
  const book = new Map(Object.entries(hosts));
  const server = new DhcpServer({
    settings: {
      ...{
        interfaceName: "eth1",
        mode: "server",
        address: serverAddress,
        dns: [],
        leaseTime: duration(60_000),
      },
      subnet: { network: "10.77.0.0" as Ipv4Address, prefix: 24 },
      pool: { from: "10.77.0.100" as Ipv4Address, to: "10.77.0.149" as Ipv4Address },
      relayed: more.relayed ?? [],
      boot: { httpBase: "http://10.77.0.1", loaders: {} },
    },
    addressCheck: {
      findUser: async (address) => {
        await clock.sleep(duration(300));
        return more.users?.get(address) as MacAddress | undefined;
      },
    },
    booter: { decide: () => ({ kind: "local-disk", reason: "installed" }) },
    addresses: { lookup: (mac) => book.get(mac), isReserved: () => false },
    ...{ leases, sockets: lan, clock, log: discardLog },
  });
  await server.start();
  return { clock, lan, server, leases, book };
}

function message(
  mac: string,
  change: {
    readonly type: number;
    readonly options?: Readonly<Record<number, Uint8Array>>;
    readonly xid?: number;
  },
): Uint8Array {
  const packet = decodePacket(fromHex(dhclientDiscover)!);
  if (!packet.ok) {
    throw new Error(packet.error);
  }
  const chaddr = new Uint8Array(16);
  chaddr.set(macToBytes(mac as MacAddress));
  const options = new Map<number, Uint8Array>([
    [option.messageType, Uint8Array.of(change.type)],
    ...Object.entries(change.options ?? {}).map(([code, value]) => [Number(code), value] as const),
  ]);
  return encodePacket({ ...packet.value, chaddr, xid: change.xid ?? packet.value.xid, options });
}

/** Asks as dhclient does, from DISCOVER to ACK, again and again until it has an address. */
async function join(lan: FakeLan, mac: string, xid: number): Promise<{ address: Ipv4Address | undefined }> {
  const state: { address: Ipv4Address | undefined } = { address: undefined };
  const socket = await lan.open({
    local: { address: "0.0.0.0" as Ipv4Address, port: 68 },
    ...{ broadcast: true, shared: true },
    receive: (bytes) => {
      const packet = decodePacket(bytes);
      if (!packet.ok || packet.value.xid !== xid || state.address !== undefined) {
        return;
      }
      const type = readU8(packet.value.options, option.messageType);
      if (type === 2) {
        const options = { 54: addressesValue([serverAddress]), 50: addressesValue([packet.value.yiaddr]) };
        void socket.send(message(mac, { type: 3, options, xid }), { address: everyone, port: 67 });
      } else if (type === 5) {
        state.address = packet.value.yiaddr;
      }
    },
  });
  function discover(): void {
    if (state.address === undefined) {
      void socket.send(message(mac, { type: 1, xid }), { address: everyone, port: 67 });
      lan.clock.at(4000, discover);
    }
  }
  discover();
  return state;
}

const macs = Array.from(
  { length: 50 },
  (_, index) => `52:54:00:00:01:${index.toString(16).padStart(2, "0")}`,
);

describe("DhcpServer", () => {
  it("gives a node its own address when the machine that has it from the pool is gone, and not before", async () => {
    const users = new Map<string, string>();
    const guest: HostAddress = { hostname: "guest" };
    const leases = new MemoryLeases();
    const { clock, lan, server, book } = await rig({ [macs[0]!]: guest }, perfectWire, leases, { users });
    const first = await join(lan, macs[0]!, 1);
    await clock.run(() => false, 10_000);
    expect(first.address).toBe("10.77.0.100");
    users.set("10.77.0.100", macs[0]!);
    const node: HostAddress = { hostname: "node", address: "10.77.0.100" as Ipv4Address };
    for (const card of [macs[1]!, macs[2]!]) {
      book.set(card, node);
    }

    const second = await join(lan, macs[1]!, 2);
    await clock.run(() => false, 30_000);
    expect(second.address).toBeUndefined();
    expect(leases.kept.get("10.77.0.100" as Ipv4Address)).toMatchObject({ mac: macs[0], state: "bound" });

    users.delete("10.77.0.100");
    await clock.run(() => false, 10_000);
    expect(second.address).toBe("10.77.0.100");

    // It is the node's on every card: the other one's answering is no conflict.
    users.set("10.77.0.100", macs[1]!);
    const other = await join(lan, macs[2]!, 3);
    await clock.run(() => false, 10_000);
    expect(other.address).toBe("10.77.0.100");
    await server.stop();
  });

  it("answers an unknown machine nothing at all", async () => {
    const { clock, lan, server } = await rig({});

    await join(lan, "52:54:00:aa:00:01", 7);
    await clock.run(() => false, 20_000);

    expect(lan.sent.every(({ to }) => to.port === 67)).toBe(true);
    expect(server.counts).toMatchObject({ sent: 0, malformed: 0 });
    expect(server.counts.ignored).toBeGreaterThan(2);
  });

  it.each([0, 0.1, 0.3])("brings fifty machines at once fifty addresses through %d loss", async (loss) => {
    const hosts = Object.fromEntries(macs.map((mac) => [mac, { hostname: "pooled" }]));
    const { clock, lan, leases } = await rig(hosts, badWire({ seed: 9, loss, twice: 0.1 }));

    const machines = await Promise.all(macs.map((mac, index) => join(lan, mac, index + 1)));
    await clock.run(() => machines.every(({ address }) => address !== undefined), 600_000);

    expect(new Set(machines.map(({ address }) => address)).size).toBe(50);
    for (const [index, { address }] of machines.entries()) {
      expect(leases.kept.get(address!)?.mac).toBe(macs[index]);
    }
  });

  it("gives the same addresses after a restart", async () => {
    const hosts = Object.fromEntries(macs.slice(0, 5).map((mac) => [mac, { hostname: "pooled" }]));
    const first = await rig(hosts);
    const before = await Promise.all(macs.slice(0, 5).map((mac, index) => join(first.lan, mac, index + 1)));
    await first.clock.run(() => before.every(({ address }) => address !== undefined));
    await first.server.stop();

    const second = await rig(hosts, perfectWire, first.leases);
    const order = [4, 3, 2, 1, 0];
    const after = await Promise.all(order.map((index) => join(second.lan, macs[index]!, index + 1)));
    await second.clock.run(() => after.every(({ address }) => address !== undefined));

    expect(order.map((_, at) => after[4 - at]!.address)).toEqual(before.map(({ address }) => address));
  });

  it("acknowledges nothing that could not be stored", async () => {
    const leases = new MemoryLeases();
    leases.broken = true;
    const { clock, lan } = await rig({ [macs[0]!]: { hostname: "node" } }, perfectWire, leases);

    const machine = await join(lan, macs[0]!, 1);
    await clock.run(() => false, 5000);
    expect(machine.address).toBeUndefined();
    leases.broken = false;
    await clock.run(() => machine.address !== undefined);

    expect(machine.address).toBe("10.77.0.100");
  });

  it("sends broadcasts from its own address and port", async () => {
    const { clock, lan } = await rig({
      [macs[0]!]: { hostname: "node", address: "10.77.0.9" as Ipv4Address },
    });

    const machine = await join(lan, macs[0]!, 1);
    await clock.run(() => machine.address !== undefined);

    const replies = lan.sent.filter(({ to }) => to.port === 68);
    expect(replies.map(({ from, to }) => [from, to.address])).toEqual([
      [{ address: serverAddress, port: 67 }, everyone],
      [{ address: serverAddress, port: 67 }, everyone],
    ]);
  });

  it("gives a declined address to nobody for ten minutes", async () => {
    const { clock, lan, leases } = await rig({
      [macs[0]!]: { hostname: "one" },
      [macs[1]!]: { hostname: "two" },
    });
    const first = await join(lan, macs[0]!, 1);
    await clock.run(() => first.address !== undefined);
    const noise = await lan.open({
      local: { address: "10.77.0.100" as Ipv4Address, port: 68 },
      broadcast: true,
      receive: () => undefined,
    });
    const options = { 54: addressesValue([serverAddress]), 50: addressesValue([first.address!]) };

    await noise.send(message(macs[0]!, { type: 4, options }), { address: everyone, port: 67 });
    await clock.run(() => leases.kept.get(first.address!)?.state === "declined");
    const second = await join(lan, macs[1]!, 2);
    await clock.run(() => second.address !== undefined);

    expect(second.address).toBe("10.77.0.101");
  });

  it("offers no address of the pool that somebody answers for, and none of it for ten minutes", async () => {
    const users = new Map([
      ["10.77.0.100", "52:54:00:ff:00:01"],
      ["10.77.0.101", "52:54:00:ff:00:02"],
    ]);
    const { clock, lan, leases } = await rig(
      { [macs[0]!]: { hostname: "one" } },
      perfectWire,
      new MemoryLeases(),
      {
        users,
      },
    );

    const machine = await join(lan, macs[0]!, 1);
    await clock.run(() => machine.address !== undefined);

    expect(machine.address).toBe("10.77.0.102");
    expect([...leases.kept.values()].map(({ address, state, mac }) => [address, state, mac])).toEqual([
      ["10.77.0.100", "declined", "52:54:00:ff:00:01"],
      ["10.77.0.101", "declined", "52:54:00:ff:00:02"],
      ["10.77.0.102", "bound", macs[0]],
    ]);
  });

  it("does not mind that a machine answers for its own address", async () => {
    const users = new Map([["10.77.0.100", macs[0]!]]);
    const { clock, lan } = await rig({ [macs[0]!]: { hostname: "one" } }, perfectWire, new MemoryLeases(), {
      users,
    });

    const machine = await join(lan, macs[0]!, 1);
    await clock.run(() => machine.address !== undefined);

    expect(machine.address).toBe("10.77.0.100");
  });

  it("notices the server that a client chose instead, also an unknown client", async () => {
    const { clock, lan, server } = await rig({});
    const client = await lan.open({
      local: { address: "10.77.0.66" as Ipv4Address, port: 68 },
      broadcast: true,
      receive: () => undefined,
    });
    const options = {
      54: addressesValue(["10.77.0.9" as Ipv4Address]),
      50: addressesValue(["10.77.0.99" as Ipv4Address]),
    };

    await client.send(message(macs[7]!, { type: 3, options }), { address: everyone, port: 67 });
    await clock.run(() => server.foreignServers.length > 0, 1000);

    expect(server.foreignServers).toEqual([{ address: "10.77.0.9", mac: macs[7], at: expect.any(Number) }]);
    expect(server.counts.sent).toBe(0);
  });

  it("gives a relayed machine what holds in its subnet, by way of the relay, with option 82 echoed at the end", async () => {
    const giaddr = "192.0.2.1" as Ipv4Address;
    const relayed = [
      {
        subnet: { network: "192.0.2.0" as Ipv4Address, prefix: 25 },
        router: "192.0.2.126" as Ipv4Address,
        pool: { from: "192.0.2.50" as Ipv4Address, to: "192.0.2.60" as Ipv4Address },
      },
    ];
    const { clock, lan, leases } = await rig(
      { [macs[0]!]: { hostname: "far" } },
      perfectWire,
      new MemoryLeases(),
      {
        relayed,
      },
    );
    const got: DhcpPacket[] = [];
    const relay = await lan.open({
      local: { address: giaddr, port: 67 },
      receive: (bytes) => {
        const packet = decodePacket(bytes);
        expect([...bytes].join()).toContain([82, 6, 1, 4, 1, 2, 3, 4, 255].join());
        if (packet.ok) {
          got.push(packet.value);
        }
      },
    });
    const circuit = Uint8Array.of(1, 4, 1, 2, 3, 4);
    async function ask(type: number, options: Readonly<Record<number, Uint8Array>>): Promise<void> {
      const asked = decodePacket(message(macs[0]!, { type, options: { ...options, 82: circuit } }));
      const count = got.length;
      await relay.send(encodePacket({ ...(asked.ok ? asked.value : ({} as DhcpPacket)), giaddr, hops: 1 }), {
        address: serverAddress,
        port: 67,
      });
      await clock.run(() => got.length > count, 5000);
    }

    await ask(1, {});
    await ask(3, { 54: addressesValue([serverAddress]), 50: addressesValue([got[0]!.yiaddr]) });

    expect(got.map(({ yiaddr, options }) => [readU8(options, 53), yiaddr])).toEqual([
      [2, "192.0.2.50"],
      [5, "192.0.2.50"],
    ]);
    expect(got[1]!.options.get(option.subnetMask)).toEqual(Uint8Array.of(255, 255, 255, 128));
    expect(got[1]!.options.get(option.router)).toEqual(Uint8Array.of(192, 0, 2, 126));
    expect(leases.kept.get("192.0.2.50" as Ipv4Address)?.mac).toBe(macs[0]);
  });

  it("ends a released lease, and remembers whose it was", async () => {
    const { clock, lan, leases } = await rig({ [macs[0]!]: { hostname: "one" } });
    const machine = await join(lan, macs[0]!, 1);
    await clock.run(() => machine.address !== undefined);
    const release = decodePacket(
      message(macs[0]!, { type: 7, options: { 54: addressesValue([serverAddress]) } }),
    );
    const socket = await lan.open({
      local: { address: machine.address!, port: 68 },
      receive: () => undefined,
    });

    await socket.send(
      encodePacket({ ...(release.ok ? release.value : ({} as DhcpPacket)), ciaddr: machine.address! }),
      {
        address: serverAddress,
        port: 67,
      },
    );
    const kept = (): Lease | undefined => leases.kept.get(machine.address!);
    await clock.run(() => kept()!.expiresAt <= clock.now(), 10_000);
    const again = await join(lan, macs[0]!, 2);
    await clock.run(() => again.address !== undefined);

    expect(again.address).toBe(machine.address);
    expect(kept()?.expiresAt).toBeGreaterThan(clock.now());
  });

  it("counts malformed messages and goes on", async () => {
    const { clock, lan, server } = await rig({ [macs[0]!]: { hostname: "one" } });
    const noise = await lan.open({
      local: { address: "10.77.0.66" as Ipv4Address, port: 68 },
      broadcast: true,
      receive: () => undefined,
    });

    for (const bytes of [
      new Uint8Array(0),
      Uint8Array.of(1),
      fromHex(dhclientDiscover.slice(0, 480))!,
      new Uint8Array(1500),
    ]) {
      await noise.send(bytes, { address: everyone, port: 67 });
    }
    const machine = await join(lan, macs[0]!, 1);
    await clock.run(() => machine.address !== undefined);

    expect(server.counts.malformed).toBe(3);
    expect(machine.address).toBeDefined();
  });

  it("stops when told, twice over, and leaves no socket", async () => {
    const { lan, server } = await rig({});

    await server.stop();
    await server.stop();

    expect(lan.openSockets).toBe(0);
  });
});
