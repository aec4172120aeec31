import { describe, expect, it } from "vitest";
import { fromLatin1 } from "../../../base/bytes.ts";
import type { Ipv4Address } from "../../../base/net-types.ts";
import { discardLog } from "../../../base/ports.ts";
import type { TftpFileSource } from "../../../netboot/tftp/file-source.ts";
import { decodeTftp, encodeTftp, type TftpPacket } from "../../../netboot/tftp/packet.ts";
import { TftpServer } from "../../../netboot/tftp/server.ts";
import type { DatagramSocket, Endpoint } from "../../../netboot/udp.ts";
import { badWire, FakeLan, perfectWire, VirtualClock, type Wire } from "../../fakes/network.ts";

const serverAddress = "10.0.0.1" as Ipv4Address;

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 255);
}

function source(
  files: Readonly<Record<string, Uint8Array>>,
): TftpFileSource & { readonly closed: () => number } {
  let closed = 0;
  return {
    closed: () => closed,
    open: (name) => {
      const bytes = new Map(Object.entries(files)).get(name);
      return name === "broken"
        ? Promise.reject(new Error("the disk is gone"))
        : Promise.resolve(
            bytes && {
              size: name === "short" ? bytes.length + 100 : bytes.length,
              read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
              close: () => {
                closed += 1;
              },
            },
          );
    },
  };
}

async function rig(
  files: Readonly<Record<string, Uint8Array>>,
  wire: Wire = perfectWire,
  maxTransfers = 512,
) {
  const clock = new VirtualClock();
  const lan = new FakeLan(clock, wire);
  const disk = source(files);
  const server = new TftpServer({
    ...{ addresses: [serverAddress], files: disk, sockets: lan, clock, log: discardLog, maxTransfers },
  });
  await server.start();
  return { clock, lan, server, disk };
}

/** A patient client: go-back-N windows, its own retransmission. */
class Client {
  readonly received: Uint8Array[] = [];
  outcome: string | undefined;
  oack: ReadonlyMap<string, string> = new Map();
  #socket!: DatagramSocket;
  #peer: Endpoint | undefined;
  #expected = 1;
  #sinceAck = 0;
  #last: Uint8Array = new Uint8Array(0);
  #lastTo: Endpoint = { address: serverAddress, port: 69 };
  #lastProgress = 0;

  async fetch(
    lan: FakeLan,
    request: {
      readonly name: string;
      readonly address: string;
      readonly options?: Record<string, string>;
      readonly mode?: string;
    },
  ): Promise<this> {
    this.#socket = await lan.open({
      local: { address: request.address as Ipv4Address, port: 0 },
      receive: (bytes, from) => this.#receive(bytes, from),
    });
    const options = new Map(Object.entries(request.options ?? {}));
    this.#say({ kind: "read", name: request.name, mode: request.mode ?? "octet", options });
    this.#retry(lan.clock);
    return this;
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.received);
  }

  get local(): Endpoint {
    return this.#socket.local;
  }

  #retry(clock: VirtualClock): void {
    clock.at(900, () => {
      if (this.outcome === undefined) {
        if (clock.now() - this.#lastProgress > 800) {
          void this.#socket.send(this.#last, this.#lastTo);
        }
        this.#retry(clock);
      }
    });
    this.#now = () => clock.now();
  }

  #now: () => number = () => 0;

  #say(packet: TftpPacket): void {
    this.#last = encodeTftp(packet);
    void this.#socket.send(this.#last, this.#lastTo);
  }

  #receive(bytes: Uint8Array, from: Endpoint): void {
    const packet = decodeTftp(bytes);
    if (!packet.ok) {
      return;
    }
    this.#peer ??= from;
    if (from.port !== this.#peer.port) {
      return;
    }
    this.#lastTo = from;
    this.#lastProgress = this.#now();
    switch (packet.value.kind) {
      case "oack":
        this.oack = packet.value.options;
        if (this.#expected === 1) {
          this.#say({ kind: "ack", block: 0 });
        }
        return;
      case "error":
        this.outcome ??= `error ${packet.value.code} ${packet.value.message}`;
        return;
      case "data":
        this.#data(packet.value);
        return;
      default:
        return;
    }
  }

  #data(packet: { readonly block: number; readonly bytes: Uint8Array }): void {
    const window = Number(this.oack.get("windowsize") ?? 1);
    const size = Number(this.oack.get("blksize") ?? 512);
    if (packet.block !== (this.#expected & 0xffff)) {
      this.#sinceAck = 0;
      this.#say({ kind: "ack", block: (this.#expected - 1) & 0xffff });
      return;
    }
    if (this.outcome !== undefined) {
      return;
    }
    this.received.push(packet.bytes);
    this.#expected += 1;
    this.#sinceAck += 1;
    const isLast = packet.bytes.length < size;
    if (isLast || this.#sinceAck >= window) {
      this.#sinceAck = 0;
      this.#say({ kind: "ack", block: packet.block });
    }
    this.outcome = isLast ? "done" : undefined;
  }
}

describe("TftpServer", () => {
  const big = pattern(100_000);

  it.each([
    ["no options", {}],
    ["a block size", { blksize: "1428", tsize: "0" }],
    ["windows", { blksize: "1428", windowsize: "16" }],
  ] as const)("sends a file with %s, and closes it", async (_, options) => {
    const { clock, lan, server, disk } = await rig({ big });

    const client = await new Client().fetch(lan, { name: "/big", address: "10.0.0.2", options });
    await clock.run(() => client.outcome !== undefined && server.activeTransfers === 0);

    expect(client.outcome).toBe("done");
    expect(Buffer.compare(client.bytes, big)).toBe(0);
    expect(disk.closed()).toBe(1);
    expect(server.counts.done).toBe(1);
    expect(lan.openSockets).toBe(2);
  });

  it.each([
    [1, 0.01, 8],
    [2, 0.05, 8],
    [3, 0.2, 1],
    [4, 0.2, 8],
    [5, 0.2, 64],
  ])(
    "with seed %i brings eight clients their file through %d loss in windows of %i",
    async (seed, loss, window) => {
      const { clock, lan, server } = await rig({ big }, badWire({ seed, loss, twice: 0.05 }));

      const clients = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          new Client().fetch(lan, {
            ...{ name: "big", address: `10.0.0.${index + 2}` },
            options: { blksize: "1428", windowsize: String(window) },
          }),
        ),
      );
      await clock.run(() => clients.every((client) => client.outcome !== undefined), 900_000);

      expect(clients.map((client) => client.outcome)).toEqual(clients.map(() => "done"));
      expect(clients.every((client) => Buffer.compare(client.bytes, big) === 0)).toBe(true);
      await clock.run(() => server.activeTransfers === 0);
      expect(server.activeTransfers).toBe(0);
    },
  );

  it("does not send every block twice where every packet comes twice", async () => {
    const { clock, lan } = await rig({ big }, () => [1, 3]);

    const client = await new Client().fetch(lan, {
      ...{ name: "big", address: "10.0.0.2" },
      options: { blksize: "1000", windowsize: "4" },
    });
    await clock.run(() => client.outcome !== undefined);

    const data = lan.sent.filter(({ bytes }) => bytes[1] === 3).length;
    expect(client.outcome).toBe("done");
    expect(data).toBeLessThan(230);
  });

  it.each([
    ["a missing file", { name: "nothing" }, "error 1 File not found"],
    ["a name that climbs", { name: "../../etc/passwd" }, "error 2 Refused"],
    ["another mode", { name: "big", mode: "mail" }, "error 4 The mode"],
    ["a file that cannot be opened", { name: "broken" }, "error 0 The file could not be opened"],
    ["a file that is shorter than it said", { name: "short" }, "error 0 The file could not be read"],
  ])("answers %s with an error", async (_, request, start) => {
    const { clock, lan, server } = await rig({ big, short: pattern(10) });

    const client = await new Client().fetch(lan, { ...request, address: "10.0.0.2" });
    await clock.run(() => client.outcome !== undefined && server.activeTransfers === 0);

    expect(client.outcome).toMatch(start);
    expect(lan.openSockets).toBe(2);
  });

  it("refuses to be written to", async () => {
    const { clock, lan, server } = await rig({ big });
    const answers: string[] = [];
    const socket = await lan.open({
      local: { address: "10.0.0.2" as Ipv4Address, port: 0 },
      receive: (bytes) => answers.push(Buffer.from(bytes).toString("latin1")),
    });

    await socket.send(encodeTftp({ kind: "write", name: "big", mode: "octet", options: new Map() }), {
      address: serverAddress,
      port: 69,
    });
    await clock.run(() => answers.length > 0);

    expect(answers).toEqual(["\x00\x05\x00\x02This server is read-only\x00"]);
    expect(server.counts.refused).toBe(1);
  });

  it("tells a stranger off and goes on with the transfer", async () => {
    const { clock, lan } = await rig({ big });
    const client = await new Client().fetch(lan, { name: "big", address: "10.0.0.2" });
    await clock.run(() => client.received.length === 3);
    const answers: Uint8Array[] = [];
    const stranger = await lan.open({
      local: { address: "10.0.0.66" as Ipv4Address, port: 0 },
      receive: (bytes) => answers.push(bytes),
    });
    const transferPort = lan.sent.find(({ bytes }) => bytes[1] === 3)?.from as Endpoint;

    await stranger.send(fromLatin1("\x00\x05\x00\x00stop\x00"), transferPort);
    await stranger.send(Uint8Array.of(0), transferPort);
    await clock.run(() => client.outcome !== undefined);

    expect(client.outcome).toBe("done");
    expect(answers.map((bytes) => bytes[3])).toEqual([5, 5]);
  });

  it("survives packets of no and one byte on both ports", async () => {
    const { clock, lan, server } = await rig({ big });
    const client = await new Client().fetch(lan, { name: "big", address: "10.0.0.2" });
    await clock.run(() => client.received.length === 3);
    const transferPort = lan.sent.find(({ bytes }) => bytes[1] === 3)?.from as Endpoint;
    const noise = await lan.open({
      local: { address: "10.0.0.2" as Ipv4Address, port: 0 },
      receive: () => undefined,
    });

    for (const bytes of [new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(0, 4)]) {
      await noise.send(bytes, transferPort);
      await noise.send(bytes, { address: serverAddress, port: 69 });
    }
    await clock.run(() => client.outcome !== undefined);

    expect(client.outcome).toBe("done");
    expect(server.counts.malformed).toBe(3);
  });

  it("serves a request that came twice once", async () => {
    const { clock, lan, server } = await rig({ big }, (bytes) => (bytes[1] === 1 ? [1, 1, 2] : [1]));

    const client = await new Client().fetch(lan, { name: "big", address: "10.0.0.2" });
    await clock.run(() => client.outcome !== undefined && server.activeTransfers === 0);

    expect(server.counts.done).toBe(1);
  });

  it("leaves clients over its limit without an answer until there is room", async () => {
    const { clock, lan, server } = await rig({ big }, perfectWire, 2);

    const clients = await Promise.all(
      [2, 3, 4, 5].map((last) => new Client().fetch(lan, { name: "big", address: `10.0.0.${last}` })),
    );
    await clock.run(() => clients.every((client) => client.outcome === "done"));

    expect(clients.map((client) => client.outcome)).toEqual(["done", "done", "done", "done"]);
    expect(server.counts.dropped).toBeGreaterThan(0);
  });

  it("brings five hundred machines at once their loader, no more than its limit at a time", async () => {
    const loader = pattern(6000);
    const { clock, lan, server } = await rig({ loader }, badWire({ seed: 21, loss: 0.02 }), 128);
    let most = 0;

    const clients = await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        new Client().fetch(lan, {
          ...{ name: "loader", address: `10.0.${1 + (index >> 7)}.${1 + (index & 127)}` },
          options: { blksize: "1468" },
        }),
      ),
    );
    await clock.run(() => {
      most = Math.max(most, server.activeTransfers);
      return clients.every((client) => client.outcome !== undefined) && server.activeTransfers === 0;
    });

    expect(clients.filter((client) => client.outcome !== "done")).toEqual([]);
    expect(clients.every((client) => Buffer.compare(client.bytes, loader) === 0)).toBe(true);
    expect(most).toBe(128);
    expect(lan.openSockets).toBe(501);
  }, 120_000);

  it("gives up on a client that has gone, and lets go of the file", async () => {
    const { clock, lan, server, disk } = await rig({ big }, (bytes) => (bytes[1] === 4 ? [] : [1]));

    const client = await new Client().fetch(lan, { name: "big", address: "10.0.0.2" });
    await clock.run(() => server.counts.failed > 0);

    expect(client.outcome).toBeUndefined();
    expect(server.counts.failed).toBe(1);
    expect(disk.closed()).toBe(1);
  });

  it("stops: tells the clients, closes everything, twice over", async () => {
    const { clock, lan, server, disk } = await rig({ big });
    const client = await new Client().fetch(lan, { name: "big", address: "10.0.0.2" });
    await clock.run(() => client.received.length === 3);

    await server.stop();
    await server.stop();
    await clock.run(() => client.outcome !== undefined, 5000);

    expect(client.outcome).toBe("error 0 The server stops");
    expect(server.activeTransfers).toBe(0);
    expect(disk.closed()).toBe(1);
    expect(lan.openSockets).toBe(1);
  });

  it("converts to netascii where that is asked for", async () => {
    const { clock, lan } = await rig({ text: fromLatin1("one\ntwo\n") });

    const client = await new Client().fetch(lan, { name: "text", address: "10.0.0.2", mode: "netascii" });
    await clock.run(() => client.outcome !== undefined);

    expect(client.bytes.toString()).toBe("one\r\ntwo\r\n");
  });
});
