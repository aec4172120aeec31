/**
 * One daemon on two wires, whose subnets are apart, or one and the same: each machine is served on its own wire, as clients and a look
 * at both wires tell. (Node tells no incoming interface: docs/decisions/0012.)
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ingotProgram } from "../programs.ts";
import { clientMac, farMac, loader, missingForRig, NetbootRig, type Ran } from "./netboot-rig.ts";

const missing = missingForRig(["dhclient", "atftp", "curl", "tcpdump"]);
const ingot = ingotProgram.join(" ");
const lease = 'dhclient -4 -1 -v -sf "$PWD/show" -lf "$PWD/leases" -pf "$PWD/pid"';

interface Wire {
  readonly mac: string;
  readonly card: string;
  readonly server: string;
  readonly address: string;
  readonly run: (line: string, seconds?: number) => Promise<Ran>;
}

describe.skipIf(missing !== undefined).each([
  { title: "two subnets", second: "10.78.0.1", far: "10.78.0.11" },
  { title: "one subnet on both", second: "10.77.0.2", far: "10.77.0.12" },
])(
  `a daemon on two wires, $title${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  { timeout: 300_000 },
  ({ second, far }) => {
    const rig = new NetbootRig(`two${second.slice(3, 5)}`);
    const near: Wire = {
      ...{ mac: clientMac, card: "v1", server: "10.77.0.1", address: "10.77.0.11" },
      run: (line, seconds) => rig.run(line, seconds),
    };
    const other: Wire = {
      ...{ mac: farMac, card: "w1", server: second, address: far },
      run: (line, seconds) => rig.runFar(line, seconds),
    };

    beforeAll(async () => {
      rig.connect();
      const subnet = `${second.replace(/\d+$/, "0")}/24`;
      for (const line of [
        "ip link add br1 type bridge; ip link set br1 up",
        `ip addr add ${second}/24 dev br1`,
        `ip link add w0 type veth peer name w1 netns ${rig.far}; ip link set w0 master br1 up`,
        // What any service of such a server needs, TCP too, where both wires have one subnet: who sends from an address leaves by its wire.
        `ip route add ${subnet} dev br1 table 7; ip rule add from ${second} table 7`,
        // The server's way to anywhere is by the first wire.
        "ip route add default via 10.77.0.254 dev br0",
      ]) {
        const ran = await rig.runBesideServer(line);
        expect(ran.code, `${line}: ${ran.output}`).toBe(0);
      }
      await rig.runFar(`ip link set w1 address ${farMac} up`);
      writeFileSync(join(rig.folder, "show"), "#!/bin/sh\nenv\nexit 0\n", { mode: 0o755 });
      const config = join(rig.folder, "ingot.yaml");
      const place = (name: string, address: string): string =>
        `    - {name: ${name}, mode: server, address: ${address}, subnet: ${address.replace(/\d+$/, "0")}/24}`;
      const interfaces = [place("br0", near.server), place("br1", second)];
      writeFileSync(
        config,
        `state: ${rig.folder}/state\napi: {listen: ["127.0.0.1:9443"]}\nnetboot:\n  interfaces:\n${interfaces.join("\n")}\n`,
      );
      await rig.serve([...ingot.split(" "), "serve", "--config", config], "Ingot is up");
      const nodes = [near, other].map(({ mac, address }, index) => ({
        name: `n${index}`,
        macs: [mac],
        ip: address,
      }));
      writeFileSync(join(rig.folder, "nodes.json"), JSON.stringify({ nodes }));
      const added = await rig.runBesideServer(
        `curl -sS -f --unix-socket ${rig.folder}/state/ingot.sock -H 'content-type: application/json' -d @nodes.json http://ingot/api/nodes`,
      );
      expect(added.code, added.output).toBe(0);
    });
    afterAll(() => rig.stop());

    /** Looks at both wires while `work` is done; the servers' packets of each wire, a line each. */
    async function watched(
      work: () => Promise<Ran>,
    ): Promise<{ readonly ran: Ran; readonly seen: readonly string[][] }> {
      const looks = ["v0", "w0"].map((card) =>
        rig.runBesideServer(
          `tcpdump -i ${card} -nn -v -l 'udp src port 67' > ${card}.txt 2>${card}.err & echo $! > ${card}.pid; wait`,
          120,
        ),
      );
      await rig.runBesideServer(
        "for c in v0 w0; do until grep -q 'listening on' $c.err 2>/dev/null; do sleep 0.1; done; done",
      );
      const ran = await work();
      await rig.runBesideServer("sleep 0.5; kill $(cat v0.pid) $(cat w0.pid)");
      await Promise.all(looks);
      const seen = ["v0", "w0"].map((card) =>
        readFileSync(join(rig.folder, `${card}.txt`), "latin1")
          .split(/\n(?=\S)/)
          .filter((packet) => packet.includes("BOOTP/DHCP")),
      );
      return { ran, seen };
    }

    it("a machine whose mainboard's UUID is a node's is that node, and so is its system, which tells none", async () => {
      const made = await rig.runBesideServer(
        `curl -sS -f --unix-socket ${rig.folder}/state/ingot.sock -H 'content-type: application/json' -d '{"nodes":[{"name":"board","uuid":"33221100-5544-7766-8899-aabbccddeeff","ip":"10.77.0.13"}]}' http://ingot/api/nodes`,
      );
      const ask = (words: string) =>
        rig.run(
          `udhcpc -f -q -n -t 3 -T 2 -i m0 ${words} -s "$PWD/show" | grep -E "^(ip|hostname|boot_file)="`,
        );
      const firmware = "-V PXEClient:Arch:00007:UNDI:003000 -x 0x5d:0007";
      await rig.run("ip link add m0 link v1 type macvlan mode bridge; ip link set m0 up");

      const stranger = await ask(`${firmware} -x 0x61:00ffeeddccbbaa99887766554433221100`);
      const board = await ask(`${firmware} -x 0x61:0000112233445566778899aabbccddeeff -O hostname`);
      const system = await ask("-O hostname");

      await rig.run("ip link del m0");
      expect(made.code, made.output).toBe(0);
      expect(stranger.output).toContain("no lease");
      expect(board.output).toContain("ip=10.77.0.13");
      expect(board.output).toContain("boot_file=snponly.efi");
      expect(system.output).toContain("hostname=board");
      expect(system.output).toContain("ip=10.77.0.13");
    });

    it.each([
      ["first", near, 0],
      ["second", other, 1],
    ] as const)(
      "dhclient on the %s gets and renews its lease there, and the other wire sees no ACK",
      async (_which, wire, own) => {
        const renew =
          'udhcpc -f -R -n -t 4 -T 2 -i CARD -s "$PWD/show" & sleep 2; kill -USR1 $!; sleep 2; kill -TERM $!; wait'.replace(
            "CARD",
            wire.card,
          );
        const { ran, seen } = await watched(async () => {
          await wire.run(`rm -f leases; ip addr add ${wire.address}/24 dev ${wire.card}`);
          const got = await wire.run(`${lease} ${wire.card}; kill "$(cat pid)"`);
          const again = await wire.run(renew);
          await wire.run(`ip addr flush dev ${wire.card}`);
          return { code: got.code, output: got.output + again.output };
        });

        expect(ran.output).toContain(`DHCPACK of ${wire.address} from ${wire.server}`);
        expect(ran.output).not.toContain("DHCPNAK");
        const acks = seen.map((packets) => packets.filter((packet) => /DHCP-Message.*: ACK/.test(packet)));
        expect(acks[own]?.length).toBeGreaterThanOrEqual(3);
        expect(acks[1 - own]).toEqual([]);
        for (const [index, packets] of seen.entries()) {
          const from = index === 0 ? near.server : second;
          expect(packets.filter((packet) => !packet.includes(` ${from}.67 >`))).toEqual([]);
        }
      },
    );

    it.each([
      ["first", near],
      ["second", other],
    ] as const)("atftp and curl on the %s fetch from the server's address there", async (_which, wire) => {
      const ran = await wire.run(
        `ip addr add ${wire.address}/24 dev ${wire.card}; rm -f got; atftp --option "windowsize 8" -g -r undionly.kpxe -l got ${wire.server} && cmp got ${loader} && curl -sS -f "http://${wire.server}:8088/boot/ipxe?mac=${wire.mac}"; code=$?; ip addr flush dev ${wire.card}; exit $code`,
      );

      expect(ran.code, ran.output).toBe(0);
      expect(ran.output).toContain("is not armed for an install");
    });
  },
);
