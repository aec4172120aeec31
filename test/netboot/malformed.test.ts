/** What is no message of a client is counted and gets no answer, at DHCP's ports and at TFTP's. */
import { describe, expect, it } from "vitest";
import { fromHex } from "../../base/bytes.ts";
import type { Ipv4Address } from "../../base/net-types.ts";
import { discardLog } from "../../base/ports.ts";
import { duration } from "../../base/quantity.ts";
import { addressesValue, option } from "../../netboot/dhcp/options.ts";
import { type DhcpPacket, decodePacket, encodePacket } from "../../netboot/dhcp/packet.ts";
import { DhcpServer } from "../../netboot/dhcp/server.ts";
import { decodeTftp, encodeTftp } from "../../netboot/tftp/packet.ts";
import { TftpServer } from "../../netboot/tftp/server.ts";
import { FakeLan, VirtualClock } from "../fakes/network.ts";
import { dhclientDiscover, ipxeUefiDiscover, ovmfDiscover } from "./dhcp/captured-packets.ts";

const address = "10.77.0.1" as Ipv4Address;
const attacker = "10.77.0.66" as Ipv4Address;

/** Bytes by a seed, so that a run that fails can be run again. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Noise, and real messages that were cut, grown and scratched. */
function wrecks(real: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  const random = generator(4242);
  return Array.from({ length: count }, (_, index) => {
    if (index % 4 === 0) {
      return Uint8Array.from({ length: random(600) }, () => random(256));
    }
    const bytes = (real[random(real.length)] as Uint8Array).slice();
    for (let scratch = random(12); scratch >= 0; scratch--) {
      bytes[random(bytes.length)] = random(256);
    }
    return index % 4 === 1 ? bytes.subarray(0, random(bytes.length)) : bytes;
  });
}

async function dhcpRig(mode: "server" | "proxy") {
  const clock = new VirtualClock();
  const lan = new FakeLan(clock);
  const server = new DhcpServer({
    settings: {
      ...{ interfaceName: "eth1", mode, address, dns: [], leaseTime: duration(60_000) },
      subnet: { network: "10.77.0.0" as Ipv4Address, prefix: 24 },
      pool: { from: "10.77.0.100" as Ipv4Address, to: "10.77.0.149" as Ipv4Address },
      boot: {
        httpBase: "http://10.77.0.1",
        loaders: { "uefi-x64": "snponly.efi", "bios-x86": "undionly.kpxe" },
      },
    },
    booter: { decide: () => ({ kind: "local-disk", reason: "installed" }) },
    // Everybody is known: what gets no answer gets none for what it is.
    addresses: { lookup: () => ({ hostname: "any" }), isReserved: () => false },
    leases: { load: () => [], put: () => undefined },
    ...{ sockets: lan, clock, log: discardLog },
  });
  await server.start();
  const socket = await lan.open({
    local: { address: attacker, port: 68 },
    ...{ broadcast: true, receive: () => undefined },
  });
  const answers = (): number => lan.sent.filter(({ from }) => from.address !== attacker).length;
  return { clock, server, socket, answers };
}

const real = [dhclientDiscover, ovmfDiscover, ipxeUefiDiscover].map((hex) => fromHex(hex)!);

describe.each(["server", "proxy"] as const)("the DHCP service as %s", (mode) => {
  it("counts two thousand wrecks, and answers none", async () => {
    const { clock, server, socket, answers } = await dhcpRig(mode);
    const broken = wrecks(real, 6000)
      .filter((bytes) => !decodePacket(bytes).ok)
      .slice(0, 2000);

    for (const [index, bytes] of broken.entries()) {
      const port = mode === "proxy" && index % 2 === 0 ? 4011 : 67;
      socket.post(bytes, { address: index % 3 === 0 ? address : ("255.255.255.255" as Ipv4Address), port });
      if (index % 500 === 499) {
        await clock.run(() => server.counts.malformed === index + 1, 10_000);
      }
    }
    await clock.run(() => server.counts.malformed === broken.length, 10_000);

    expect(broken.length).toBe(2000);
    expect(server.counts).toMatchObject({ received: 2000, malformed: 2000, sent: 0 });
    expect(answers()).toBe(0);
  });

  it("lives through messages that can be read, whatever stands in them", async () => {
    const { clock, server, socket } = await dhcpRig(mode);
    const odd = wrecks(real, 3000).filter((bytes) => decodePacket(bytes).ok);

    for (const bytes of odd) {
      socket.post(bytes, { address, port: 67 });
      await clock.run(() => false, 2);
    }
    await clock.run(() => false, 5000);

    const { received, malformed, ignored, dropped, sent } = server.counts;
    expect(odd.length).toBeGreaterThan(200);
    expect([received, malformed, dropped]).toEqual([odd.length, 0, 0]);
    expect(ignored + sent).toBe(odd.length);
  });

  it.each<readonly [string, Partial<DhcpPacket>, readonly (readonly [number, Uint8Array | undefined])[]]>([
    ["a server's reply, as an echo would bring it", { op: 2 }, []],
    ["an OFFER that says it is a request", {}, [[option.messageType, Uint8Array.of(2)]]],
    ["no message type", {}, [[option.messageType, undefined]]],
    ["a message type of two bytes' worth", {}, [[option.messageType, Uint8Array.of(200, 1)]]],
    ["a hardware address of four bytes", { hlen: 4 }, []],
    ["another kind of hardware", { htype: 6 }, []],
    ["a group's hardware address", { chaddr: Uint8Array.of(1, 0, 94, 0, 0, 1, ...new Uint8Array(10)) }, []],
    ["a relay that speaks for no subnet of ours", { giaddr: "192.0.2.1" as Ipv4Address }, []],
    [
      "a choice of another server",
      {},
      [
        [option.messageType, Uint8Array.of(3)],
        [option.serverId, addressesValue(["10.77.0.9" as Ipv4Address])],
        [option.requestedAddress, addressesValue(["10.77.0.100" as Ipv4Address])],
      ],
    ],
  ])("ignores %s", async (_, header, options) => {
    const { clock, server, socket, answers } = await dhcpRig(mode);
    const base = decodePacket(real[1]!);
    if (!base.ok) {
      throw new Error(base.error);
    }
    const all = new Map(base.value.options);
    for (const [code, value] of options) {
      if (value === undefined) {
        all.delete(code);
      } else {
        all.set(code, value);
      }
    }

    socket.post(encodePacket({ ...base.value, ...header, options: all }), { address, port: 67 });
    await clock.run(() => server.counts.ignored > 0, 10_000);

    expect(server.counts).toMatchObject({ received: 1, ignored: 1, sent: 0 });
    expect(answers()).toBe(0);
  });
});

describe("the TFTP service", () => {
  it("counts two thousand wrecks, and answers neither them nor packets of a transfer that there is not", async () => {
    const clock = new VirtualClock();
    const lan = new FakeLan(clock);
    const server = new TftpServer({
      ...{ addresses: [address], sockets: lan, clock, log: discardLog },
      files: { open: () => Promise.reject(new Error("no file is asked for")) },
    });
    await server.start();
    const socket = await lan.open({ local: { address: attacker, port: 1234 }, receive: () => undefined });
    const request = encodeTftp({
      kind: "read",
      name: "a",
      mode: "octet",
      options: new Map([["blksize", "512"]]),
    });
    const broken = wrecks([request], 9000)
      .filter((bytes) => !decodeTftp(bytes).ok)
      .slice(0, 2000);
    const strays = [
      encodeTftp({ kind: "ack", block: 1 }),
      encodeTftp({ kind: "data", block: 1, bytes: new Uint8Array(512) }),
      encodeTftp({ kind: "error", code: 0, message: "no" }),
      encodeTftp({ kind: "oack", options: new Map([["blksize", "512"]]) }),
    ];

    for (const bytes of [...broken, ...strays]) {
      socket.post(bytes, { address, port: 69 });
    }
    await clock.run(() => false, 5000);

    expect(broken.length).toBe(2000);
    expect(server.counts).toMatchObject({ malformed: 2000, refused: 0, done: 0, failed: 0 });
    expect(lan.sent.filter(({ from }) => from.address !== attacker)).toEqual([]);
    expect(lan.openSockets).toBe(2);
  });
});
