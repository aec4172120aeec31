/**
 * A program for tests: netboot's DHCP, TFTP and an HTTP boot service on one interface, for the machines of the JSON in its first
 * argument. Run it in a network namespace. Log lines go to standard output, one JSON object each.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename } from "node:path";
import { type Ipv4Address, type Ipv4Cidr, type MacAddress, parseCidr } from "../../base/net-types.ts";
import type { Clock, Log, LogFields } from "../../base/ports.ts";
import { duration } from "../../base/quantity.ts";
import { defaultLoaders } from "../../netboot/arch.ts";
import { createArpCheck } from "../../netboot/arp-check.ts";
import { renderIpxe } from "../../netboot/boot-files/ipxe.ts";
import { parseScriptQuery, scriptPath } from "../../netboot/boot-files/names.ts";
import type { BootDecision, HostAddress, Machine } from "../../netboot/booter.ts";
import type { Lease } from "../../netboot/dhcp/lease.ts";
import { DhcpServer } from "../../netboot/dhcp/server.ts";
import { nodeDatagramSockets } from "../../netboot/node-udp.ts";
import { TftpServer } from "../../netboot/tftp/server.ts";

export interface NetbootServerInput {
  readonly address: string;
  readonly subnet: string;
  readonly router?: string;
  readonly leaseSeconds: number;
  readonly mode?: "server" | "proxy";
  /** Further options, each value in hexadecimal. */
  readonly options?: readonly (readonly [code: number, hex: string])[];
  readonly pool?: { readonly from: string; readonly to: string };
  /** Subnets behind relays, with their routers. */
  readonly relayed?: readonly { readonly subnet: string; readonly router: string }[];
  readonly hosts: Readonly<Record<string, HostAddress>>;
  readonly decision: BootDecision;
  /** TFTP and HTTP files by name: paths on this machine. */
  readonly files: Readonly<Record<string, string>>;
}

const input = JSON.parse(process.argv[2] ?? "{}") as NetbootServerInput;

function cidrOf(text: string): Ipv4Cidr {
  const cidr = parseCidr(text);
  if (!cidr.ok) {
    throw new Error(cidr.error);
  }
  return cidr.value;
}

function write(level: string, message: string, fields: LogFields = {}): void {
  process.stdout.write(`${JSON.stringify({ level, message, ...fields })}\n`);
}

function log(base: LogFields): Log {
  return {
    debug: (message, fields) => write("debug", message, { ...base, ...fields }),
    info: (message, fields) => write("info", message, { ...base, ...fields }),
    warn: (message, fields) => write("warn", message, { ...base, ...fields }),
    error: (message, fields) => write("error", message, { ...base, ...fields }),
    child: (fields) => log({ ...base, ...fields }),
  };
}

const clock: Clock = {
  now: () => Date.now(),
  sleep: (time, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, time);
      signal?.addEventListener(
        "abort",
        () => {
          clearTimeout(timer);
          reject(signal.reason as Error);
        },
        { once: true },
      );
    }),
};

const hosts = new Map(Object.entries(input.hosts));
const leases = new Map<Ipv4Address, Lease>();
const httpBase = `http://${input.address}:8088`;

function decide(machine: Machine): BootDecision {
  write("info", "asked", {
    mac: machine.mac,
    arch: machine.arch.code,
    ipxe: machine.isIpxe,
    uuid: machine.uuid,
  });
  return input.decision;
}

const dhcp = new DhcpServer({
  settings: {
    interfaceName: "test",
    mode: input.mode ?? "server",
    address: input.address as Ipv4Address,
    subnet: cidrOf(input.subnet),
    ...(input.router === undefined ? {} : { router: input.router as Ipv4Address }),
    dns: [input.address as Ipv4Address],
    domain: "lab.example",
    leaseTime: duration(input.leaseSeconds * 1000),
    options: (input.options ?? []).map(([code, hex]) => [code, Buffer.from(hex, "hex")] as const),
    ...(input.pool === undefined
      ? {}
      : { pool: { from: input.pool.from as Ipv4Address, to: input.pool.to as Ipv4Address } }),
    relayed: (input.relayed ?? []).map((relayed) => ({
      subnet: cidrOf(relayed.subnet),
      router: relayed.router as Ipv4Address,
    })),
    boot: { httpBase, loaders: defaultLoaders },
  },
  addressCheck: createArpCheck({
    ...{ interfaceName: "br0", address: input.address as Ipv4Address },
    ...{ sockets: nodeDatagramSockets, clock },
  }),
  booter: { decide },
  addresses: {
    lookup: (mac: MacAddress) => hosts.get(mac),
    isReserved: (address) => [...hosts.values()].some((host) => host.address === address),
  },
  leases: {
    load: () => [],
    put: (lease) => void leases.set(lease.address, lease),
  },
  sockets: nodeDatagramSockets,
  clock,
  log: log({ service: "dhcp" }),
});

const tftp = new TftpServer({
  addresses: [input.address as Ipv4Address],
  files: {
    open: (name) => {
      const path = input.files[name];
      const content = path === undefined ? undefined : readFileSync(path);
      return Promise.resolve(
        content && {
          size: content.length,
          read: (offset, length) => content.subarray(offset, offset + length),
          close: () => undefined,
        },
      );
    },
  },
  sockets: nodeDatagramSockets,
  clock,
  log: log({ service: "tftp" }),
});

const http = createServer((request, response) => {
  const url = new URL(request.url ?? "/", httpBase);
  write("info", "HTTP", { path: url.pathname + url.search });
  const path = input.files[basename(url.pathname)];
  if (url.pathname === scriptPath) {
    const machine = parseScriptQuery(url.searchParams);
    const script = machine.ok
      ? renderIpxe(input.decision, { httpBase, firmware: machine.value.arch.firmware })
      : machine;
    response.writeHead(script.ok ? 200 : 400, { "content-type": "text/plain" });
    response.end(script.ok ? script.value : script.error);
    return;
  }
  const content = path === undefined ? undefined : readFileSync(path);
  response.writeHead(content === undefined ? 404 : 200, { "content-length": content?.length ?? 0 });
  response.end(content);
});

await dhcp.start();
await tftp.start();
http.listen(8088, input.address, () => write("info", "ready"));
process.on("SIGTERM", () => {
  http.close();
  http.closeAllConnections();
  void Promise.all([dhcp.stop(), tftp.stop()]).then(() => process.exit(0));
});
