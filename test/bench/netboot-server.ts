/**
 * A program for the bench: Ingot's TFTP of one folder and its DHCP with durable leases, for every machine that asks. Arguments:
 * ADDRESS FOLDER DATABASE.
 */
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Ipv4Address } from "../../base/net-types.ts";
import { parseCidr } from "../../base/net-types.ts";
import { discardLog } from "../../base/ports.ts";
import { duration } from "../../base/quantity.ts";
import { DhcpServer } from "../../netboot/dhcp/server.ts";
import { nodeDatagramSockets } from "../../netboot/node-udp.ts";
import { FileCache } from "../../netboot/tftp/file-cache.ts";
import { TftpServer } from "../../netboot/tftp/server.ts";
import { openDatabase } from "../../server/state/database.ts";
import { createLeaseStore } from "../../server/state/lease-store.ts";
import { systemClock } from "../../server/system.ts";

const [address = "", folder = "", database = ""] = process.argv.slice(2) as Ipv4Address[];
const subnet = parseCidr(`${address}/16`);
const ports = { sockets: nodeDatagramSockets, clock: systemClock, log: discardLog };
if (!subnet.ok) {
  throw new Error(subnet.error);
}

const cache = new FileCache(16 << 20);
const tftp = new TftpServer({
  ...ports,
  addresses: [address as Ipv4Address],
  files: {
    open: async (name) => {
      const path = join(folder, name.replaceAll("/", ""));
      const file = await open(path, "r");
      const { size, ino, mtimeMs } = await stat(path);
      return cache.share({
        identity: `${ino} ${mtimeMs} ${size}`,
        size,
        read: async (offset, length) => {
          const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset);
          return buffer.subarray(0, bytesRead);
        },
        close: async () => await file.close(),
      });
    },
  },
});
const dhcp = new DhcpServer({
  ...ports,
  settings: {
    ...{ interfaceName: "bench", mode: "server", address: address as Ipv4Address, subnet: subnet.value },
    ...{ dns: [], leaseTime: duration(3_600_000) },
    pool: { from: "10.78.16.0" as Ipv4Address, to: "10.78.255.250" as Ipv4Address },
    boot: { httpBase: `http://${address}:8088`, loaders: {} },
  },
  booter: { decide: () => ({ kind: "ignore", reason: "bench" }) },
  addresses: { lookup: () => ({ hostname: "bench" }), isReserved: () => false },
  leases: createLeaseStore(openDatabase(database)),
});
await tftp.start();
await dhcp.start();
process.stdout.write("up\n");
