import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Ipv4Address, MacAddress } from "../../../base/net-types.ts";
import { discardLog } from "../../../base/ports.ts";
import { duration } from "../../../base/quantity.ts";
import { defaultLoaders } from "../../../netboot/arch.ts";
import type { BootDecision } from "../../../netboot/booter.ts";
import { decodePacket, encodePacket } from "../../../netboot/dhcp/packet.ts";
import { DhcpServer } from "../../../netboot/dhcp/server.ts";
import { decodeByPeer, encodeByPeer } from "../../../netboot/probe/dhcp-peer.ts";
import { probeDhcp } from "../../../netboot/probe/dhcp-probe.ts";
import { type AskerKind, questionPacket } from "../../../netboot/probe/dhcp-question.ts";
import { FakeLan, VirtualClock } from "../../fakes/network.ts";

const mac = "52:54:00:aa:00:01" as MacAddress;
const stranger = "02:00:00:aa:00:02" as MacAddress;
const kinds: readonly AskerKind[] = ["plain", "bios", "uefi", "http", "arm64", "http-arm64"];
const localDisk: BootDecision = { kind: "local-disk", reason: "installed" };

async function startServer(
  lan: FakeLan,
  how: { readonly address: string; readonly mode: "server" | "proxy" },
) {
  const address = how.address as Ipv4Address;
  const server = new DhcpServer({
    settings: {
      ...{ interfaceName: "eth1", mode: how.mode, address, dns: [], leaseTime: duration(60_000) },
      subnet: { network: "10.77.0.0" as Ipv4Address, prefix: 24 },
      boot: {
        httpBase: `http://${address}:8088`,
        loaders: defaultLoaders,
        httpLoader: (target) => (target === "uefi-arm64" ? "grubhttpaa64.efi" : undefined),
      },
    },
    booter: { decide: () => localDisk },
    addresses: {
      lookup: (asked) =>
        asked === mac ? { hostname: "n1", address: "10.77.0.11" as Ipv4Address } : undefined,
      isReserved: () => false,
    },
    leases: { load: () => [], put: () => undefined },
    ...{ sockets: lan, clock: lan.clock, log: discardLog },
  });
  await server.start();
  return server;
}

async function probe(lan: FakeLan, bootServer = false) {
  let seed = 0;
  const asked = probeDhcp({
    address: "10.77.0.1" as Ipv4Address,
    askers: [mac, stranger].flatMap((asker) => kinds.map((kind) => ({ kind, mac: asker }))),
    wait: 4000,
    bootServer,
    sockets: lan,
    clock: lan.clock,
    random: { bytes: (length) => Uint8Array.from({ length }, () => ++seed) },
  });
  let done = false;
  void asked.then(() => {
    done = true;
  });
  await lan.clock.run(() => done, 10_000);
  return await asked;
}

describe("probeDhcp()", () => {
  it("hears a server's offer to each kind of machine, and nothing for a stranger", async () => {
    const lan = new FakeLan(new VirtualClock());
    const server = await startServer(lan, { address: "10.77.0.1", mode: "server" });

    const answers = await probe(lan);

    expect(answers.map(({ kind, server: by, address, bootFile }) => [kind, by, address, bootFile])).toEqual([
      ["plain", "10.77.0.1", "10.77.0.11", undefined],
      ["bios", "10.77.0.1", "10.77.0.11", "undionly.kpxe"],
      ["uefi", "10.77.0.1", "10.77.0.11", "snponly.efi"],
      ["http", "10.77.0.1", "10.77.0.11", "http://10.77.0.1:8088/boot/loader/snponly.efi"],
      ["arm64", "10.77.0.1", "10.77.0.11", "grubaa64.efi"],
      ["http-arm64", "10.77.0.1", "10.77.0.11", "http://10.77.0.1:8088/boot/loader/grubhttpaa64.efi"],
    ]);
    expect(answers.flatMap(({ readOtherwise }) => readOtherwise)).toEqual([]);
    await server.stop();
    expect(lan.openSockets).toBe(0);
  });

  it("tells two servers apart, and hears a proxy at both of its ports", async () => {
    const lan = new FakeLan(new VirtualClock());
    await startServer(lan, { address: "10.77.0.9", mode: "server" });
    await startServer(lan, { address: "10.77.0.1", mode: "proxy" });

    const answers = await probe(lan, true);

    const bios = answers.filter(({ kind }) => kind === "bios");
    expect(bios.map(({ server, port, address }) => `${server} ${port} ${address}`).sort()).toEqual([
      "10.77.0.1 4011 undefined",
      "10.77.0.1 67 undefined",
      "10.77.0.9 67 10.77.0.11",
    ]);
  });
});

describe("the dhcp package's codec", () => {
  it.each(kinds)("writes the question of a %s client as ours reads it", (kind) => {
    const packet = questionPacket({ kind, mac, xid: 0x80000001 });

    const read = decodePacket(encodeByPeer(packet));

    expect(read).toEqual({ ok: true, value: { ...packet, options: expect.any(Map) } });
    expect(read.ok && new Map([...read.value.options].sort((a, b) => a[0] - b[0]))).toEqual(
      new Map([...packet.options].sort((a, b) => a[0] - b[0])),
    );
  });

  it("does not hold where options stand in the file field, which is told as a reading of its own", () => {
    const packet = questionPacket({ kind: "plain", mac, xid: 1 });
    const long = new Map([
      ...packet.options,
      [12, new Uint8Array(250)],
      [66, new Uint8Array(100).fill(65)],
    ] as const);

    const bytes = encodePacket({ ...packet, op: 2, options: long }, 548);
    const [ours, theirs] = [decodePacket(bytes), decodeByPeer(bytes)];

    expect(ours.ok && ours.value.options.get(66)?.length).toBe(100);
    expect(theirs.ok && theirs.value.options.has(66)).toBe(false);
  });

  it("reads any bytes to a message or an error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
        expect(typeof decodeByPeer(bytes).ok).toBe("boolean");
      }),
    );
  });
});
