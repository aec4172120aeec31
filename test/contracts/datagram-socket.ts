import { describe, expect, it } from "vitest";
import type { Ipv4Address } from "../../base/net-types.ts";
import type { DatagramSockets, Endpoint } from "../../netboot/udp.ts";

export interface DatagramSubject {
  readonly sockets: DatagramSockets;
  /** An address that sockets may be bound to. */
  readonly address: string;
  /** Lets what was sent arrive. */
  settle(done: () => boolean): Promise<void>;
}

/** What every implementation of the DatagramSockets port does. */
export function describeDatagramSockets(name: string, subject: DatagramSubject): void {
  const address = subject.address as Ipv4Address;
  const { sockets } = subject;

  describe(`DatagramSockets: ${name}`, () => {
    it("chooses a port where 0 is asked for", async () => {
      const socket = await sockets.open({ local: { address, port: 0 }, receive: () => undefined });

      expect(socket.local.port).toBeGreaterThan(0);
      await socket.close();
    });

    it("carries bytes, empty ones too, and tells the sender's endpoint", async () => {
      const seen: { readonly text: string; readonly from: Endpoint }[] = [];
      const receiver = await sockets.open({
        local: { address, port: 0 },
        receive: (bytes, from) => seen.push({ text: Array.from(bytes).join(), from }),
      });
      const sender = await sockets.open({ local: { address, port: 0 }, receive: () => undefined });

      await sender.send(Uint8Array.of(1, 2, 255), receiver.local);
      await sender.send(new Uint8Array(0), receiver.local);
      await subject.settle(() => seen.length === 2);

      expect(new Set(seen.map(({ text }) => text))).toEqual(new Set(["", "1,2,255"]));
      expect(seen[0]?.from).toEqual(sender.local);
      await Promise.all([sender.close(), receiver.close()]);
    });

    it("posts as it sends, and keeps to itself what cannot be sent", async () => {
      const seen: string[] = [];
      const receiver = await sockets.open({
        local: { address, port: 0 },
        receive: (bytes) => seen.push(Array.from(bytes).join()),
      });
      const failures: Error[] = [];
      const sender = await sockets.open({
        local: { address, port: 0 },
        receive: () => undefined,
        failed: (error) => failures.push(error),
      });

      sender.post(Uint8Array.of(1), { address: "255.255.255.255" as Ipv4Address, port: 9 });
      sender.post(Uint8Array.of(1, 2), receiver.local);
      await subject.settle(() => seen.length === 1);
      await sender.close();
      sender.post(Uint8Array.of(3), receiver.local);
      await subject.settle(() => seen.length === 2);

      expect(seen).toEqual(["1,2"]);
      expect(failures).toEqual([]);
      await receiver.close();
    });

    it("has a peer, and hears and reaches others on the same port", async () => {
      const peers = await Promise.all(
        ["one", "two", "stranger"].map(async (name) => {
          const heard: string[] = [];
          const receive = (bytes: Uint8Array, from: Endpoint): void => {
            heard.push(`${Array.from(bytes).join()} ${from.port}`);
          };
          return { name, heard, socket: await sockets.open({ local: { address, port: 0 }, receive }) };
        }),
      );
      const [one, two, stranger] = peers as [(typeof peers)[0], (typeof peers)[0], (typeof peers)[0]];
      const heard: string[] = [];
      const socket = await sockets.open({
        ...{ local: { address, port: 0 }, peer: one.socket.local },
        receive: (bytes, from) => heard.push(`${Array.from(bytes).join()} ${from.port}`),
      });

      socket.post(Uint8Array.of(1), one.socket.local);
      socket.post(Uint8Array.of(2), two.socket.local);
      await subject.settle(() => one.heard.length + two.heard.length === 2);
      one.socket.post(Uint8Array.of(3), socket.local);
      stranger.socket.post(Uint8Array.of(4), socket.local);
      await subject.settle(() => heard.length === 2);

      expect([one.heard, two.heard]).toEqual([[`1 ${socket.local.port}`], [`2 ${socket.local.port}`]]);
      expect(new Set(heard)).toEqual(
        new Set([`3 ${one.socket.local.port}`, `4 ${stranger.socket.local.port}`]),
      );
      await Promise.all([socket, one.socket, two.socket, stranger.socket].map((each) => each.close()));
    });

    it("goes on when its peer is gone", async () => {
      const peer = await sockets.open({ local: { address, port: 0 }, receive: () => undefined });
      const heard: string[] = [];
      const socket = await sockets.open({
        ...{ local: { address, port: 0 }, peer: peer.local },
        receive: (bytes) => heard.push(Array.from(bytes).join()),
      });
      await peer.close();

      for (const byte of [1, 2, 3]) {
        socket.post(Uint8Array.of(byte), peer.local);
      }
      await subject.settle(() => false);
      const again = await sockets.open({ local: peer.local, receive: () => undefined });
      again.post(Uint8Array.of(9), socket.local);
      await subject.settle(() => heard.length === 1);

      expect(heard).toEqual(["9"]);
      await Promise.all([socket.close(), again.close()]);
    });

    it("refuses a port that is taken as a conflict that names it", async () => {
      const first = await sockets.open({ local: { address, port: 0 }, receive: () => undefined });

      const second = sockets.open({ local: first.local, receive: () => undefined });

      await expect(second).rejects.toMatchObject({ code: "conflict" });
      await expect(second).rejects.toThrow(String(first.local.port));
      await first.close();
    });

    it("closes twice without complaint, and then sends no more", async () => {
      const socket = await sockets.open({ local: { address, port: 0 }, receive: () => undefined });

      await socket.close();
      await socket.close();

      await expect(socket.send(Uint8Array.of(1), { address, port: 9 })).rejects.toMatchObject({ code: "io" });
    });

    it("gives the port free at closing", async () => {
      const first = await sockets.open({ local: { address, port: 0 }, receive: () => undefined });
      await first.close();

      const second = await sockets.open({ local: first.local, receive: () => undefined });

      expect(second.local).toEqual(first.local);
      await second.close();
    });
  });
}
