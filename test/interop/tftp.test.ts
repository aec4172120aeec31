import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Ipv4Address } from "../../base/net-types.ts";
import { discardLog } from "../../base/ports.ts";
import { nodeDatagramSockets } from "../../netboot/node-udp.ts";
import { probeTftp } from "../../netboot/probe/tftp-probe.ts";
import { TftpServer } from "../../netboot/tftp/server.ts";
import { loader, missingForRig, NetbootRig } from "./netboot-rig.ts";

const missing = missingForRig(["atftp", "tftp", "curl", "busybox", "nft"]);
/** More than 65,535 blocks of 512 bytes. */
const longSize = 34_000_000;
/** Some twenty blocks. */
const short = Uint8Array.from({ length: 10_000 }, (_, index) => (index * 31) & 255);

describe.skipIf(missing !== undefined)(
  `TFTP with real clients${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    const rig = new NetbootRig("tftp");

    beforeAll(async () => {
      const long = join(rig.folder, "long");
      writeFileSync(long, Buffer.alloc(longSize, createHash("sha512").update("long").digest()));
      writeFileSync(join(rig.folder, "short"), short);
      await rig.start({ files: { "undionly.kpxe": loader, long, short: join(rig.folder, "short") } });
      await rig.run("ip addr add 10.77.0.11/24 dev v1");
    });
    afterAll(() => rig.stop());

    it.each([
      ["curl", "curl -sS -o got tftp://10.77.0.1/undionly.kpxe"],
      ["curl, blksize 1468", "curl -sS --tftp-blksize 1468 -o got tftp://10.77.0.1/undionly.kpxe"],
      ["curl without options", "curl -sS --tftp-no-options -o got tftp://10.77.0.1/undionly.kpxe"],
      ["atftp", "atftp -g -r undionly.kpxe -l got 10.77.0.1"],
      [
        "atftp with every option",
        'atftp --option "blksize 1428" --option "windowsize 16" --option "tsize 0" --option "timeout 2" -g -r undionly.kpxe -l got 10.77.0.1',
      ],
      ["busybox", "busybox tftp -g -b 1400 -r /undionly.kpxe -l got 10.77.0.1"],
      ["tftp-hpa, octet", "tftp -m binary 10.77.0.1 -c get undionly.kpxe got"],
      ["tftp-hpa, netascii", "tftp -m ascii 10.77.0.1 -c get undionly.kpxe got"],
    ])("%s fetches the loader whole", async (_, line) => {
      const ran = await rig.run(`rm -f got; ${line}`);

      expect(ran.code).toBe(0);
      expect(Buffer.compare(readFileSync(join(rig.folder, "got")), readFileSync(loader))).toBe(0);
    });

    it("curl fetches a file of more blocks than their numbers", async () => {
      const ran = await rig.run("curl -sS --tftp-blksize 512 tftp://10.77.0.1/long | sha256sum", 120);

      expect(ran.output).toContain(
        createHash("sha256")
          .update(readFileSync(join(rig.folder, "long")))
          .digest("hex"),
      );
    });

    it("clients get their file where the kernel drops every fifth packet, both ways", async () => {
      const drop =
        "nft 'add table ip t; add chain ip t i { type filter hook input priority 0; }; add rule ip t i meta l4proto udp numgen inc mod 5 == 0 counter drop'";
      await rig.runBesideServer(drop);
      await rig.run(drop);
      // Clients that ask for an interval of seconds, as curl does, are given it: they would take minutes.
      const fetches = [
        "curl -sS --tftp-no-options -o got1 tftp://10.77.0.1/short",
        "busybox tftp -g -b 1468 -r short -l got2 10.77.0.1",
        "tftp -m binary 10.77.0.1 -c get short got3",
      ];
      await rig.run(`${fetches.map((line) => `${line} & `).join("")} wait`, 120);
      const dropped = await rig.runBesideServer("nft list ruleset");
      await rig.run("nft delete table ip t");
      await rig.runBesideServer("nft delete table ip t");

      expect(Number(/packets (\d+)/.exec(dropped.output)?.[1])).toBeGreaterThan(3);
      for (const name of ["got1", "got2", "got3"]) {
        expect(Buffer.compare(readFileSync(join(rig.folder, name)), short), name).toBe(0);
      }
    });

    it("curl is told that a file is not there, that a name climbs, and that nothing may be written", async () => {
      const absent = await rig.run("curl -sS tftp://10.77.0.1/nothing");
      const climbing = await rig.run("curl -sS --path-as-is tftp://10.77.0.1/../../etc/passwd");
      const written = await rig.run("echo x > up; curl -sS -T up tftp://10.77.0.1/up");

      expect([absent.code, climbing.code, written.code]).toEqual([68, 69, 69]);
    });
  },
);

describe("probeTftp(), the tftp package's client", () => {
  const content = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31) & 255);
  const address = "127.0.0.1" as Ipv4Address;
  const server = new TftpServer({
    ...{ addresses: [address], port: 16_969, sockets: nodeDatagramSockets, log: discardLog },
    clock: {
      now: () => Date.now(),
      sleep: (time) => new Promise((resolve) => setTimeout(resolve, time).unref()),
    },
    files: {
      open: (name) =>
        Promise.resolve(
          name === "loader"
            ? {
                size: content.length,
                read: (offset, length) => content.subarray(offset, offset + length),
                close: () => undefined,
              }
            : undefined,
        ),
    },
  });
  const where = { host: address, port: 16_969, limit: 1 << 20 };

  beforeAll(() => server.start());
  afterAll(() => server.stop());

  it.each([
    [512, 1],
    [1468, 1],
    [1468, 8],
  ])("fetches with blocks of %i bytes in windows of %i", async (blockSize, windowSize) => {
    const result = await probeTftp({ ...where, name: "loader", blockSize, windowSize });

    expect(result).toEqual({
      bytes: content.length,
      sha256: createHash("sha256").update(content).digest("hex"),
    });
  });

  it("says what cannot be fetched and from where", async () => {
    const probing = probeTftp({ ...where, name: "nothing" });

    await expect(probing).rejects.toMatchObject({ code: "unreachable" });
    await expect(probing).rejects.toThrow("tftp://127.0.0.1:16969/nothing");
  });

  it("stops at its limit, and on request", async () => {
    const over = probeTftp({ ...where, name: "loader", limit: 1000 });
    const never = probeTftp({ ...where, name: "loader", signal: AbortSignal.abort() });
    const stopping = new AbortController();
    const stopped = probeTftp({ ...where, name: "loader", signal: stopping.signal });
    stopping.abort();

    await Promise.all([
      expect(over).rejects.toMatchObject({ code: "hostile" }),
      expect(never).rejects.toMatchObject({ code: "cancelled" }),
      expect(stopped).rejects.toMatchObject({ code: "cancelled" }),
    ]);
  });
});
