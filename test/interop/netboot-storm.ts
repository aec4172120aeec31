/**
 * A room that is powered on at once, for real: `ingot serve` in a namespace, and machines that all ask it in the same second: perfdhcp's
 * avalanche of PXE clients, then curl for loader, script, kernel and ramdisk, each machine from the address that it was given.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Ipv4Address, ipv4FromNumber, ipv4ToNumber } from "../../base/net-types.ts";
import { encodeFlavor, type FlavorDescription } from "../../netboot/flavor/flavor.ts";
import { loader, NetbootRig, type Ran } from "./netboot-rig.ts";

const server = "10.76.0.1";
const firstNode = ipv4ToNumber("10.76.1.0" as Ipv4Address);
/** perfdhcp counts up from there. */
const firstMac = 0x52_54_00_aa_00_00;
/** Machines that one curl stands for. */
const machinesPerCurl = 50;
const imageBytes = { kernel: 1_000_000, "initrd.img": 2_000_000 } as const;

/** What each machine fetches, and how long it is; the script's length is not known. */
export const wantedBytes = {
  loader: readFileSync(loader).length,
  script: undefined,
  ...imageBytes,
} as const;

export interface StormReport {
  /** Every ACK that the machines' wire saw, in its order. */
  readonly acks: readonly { readonly mac: string; readonly address: string }[];
  /** What curl told, a line each: file, code, bytes. */
  readonly downloads: readonly { readonly what: string; readonly code: string; readonly bytes: number }[];
  /** What went wrong, as programs said it. */
  readonly trouble: string;
  /** The daemon's. */
  readonly peakMiB: number;
  readonly cpuSeconds: number;
  /** How long it took to answer `GET /api/status` while all that went on. */
  readonly statusSeconds: readonly number[];
  readonly seconds: { readonly dhcp: number; readonly downloads: number };
}

export function macOf(index: number): string {
  const digits = (firstMac + index).toString(16).padStart(12, "0");
  return digits.replace(/(..)(?!$)/g, "$1:");
}

/** Every other machine is a node with an address of its own; the rest are strangers, who get one of the pool. */
export function addressOf(index: number): Ipv4Address | undefined {
  return index % 2 === 0 ? ipv4FromNumber(firstNode + index) : undefined;
}

/** What is not as it should be: two machines with one address, one with two, an address that is another's, a download that is not whole. */
export function faultsOf({ acks, downloads, trouble }: StormReport, count: number): readonly string[] {
  const given = new Map<string, string>();
  const holders = new Map<string, string>();
  const faults: string[] = [];
  for (const { mac, address } of acks) {
    if ((given.get(mac) ?? address) !== address || (holders.get(address) ?? mac) !== mac) {
      faults.push(`${address} was given to ${mac}, after ${given.get(mac)} and to ${holders.get(address)}`);
    }
    given.set(mac, address);
    holders.set(address, mac);
  }
  for (let index = 0; index < count; index++) {
    const address = given.get(macOf(index)) ?? "nothing";
    const wanted = addressOf(index);
    if (wanted === undefined ? !/^10\.76\.(6[4-9]|[78]\d|9[0-5])\./.test(address) : address !== wanted) {
      faults.push(`${macOf(index)} was given ${address}, not ${wanted ?? "one of the pool"}`);
    }
  }
  for (const [what, bytes] of Object.entries(wantedBytes)) {
    const ones = downloads.filter((download) => download.what === what);
    const whole = ones.filter((one) => (bytes === undefined ? one.bytes > 0 : one.bytes === bytes));
    if (whole.length !== count) {
      faults.push(`${whole.length} of ${count} machines have the ${what}; ${trouble}`);
    }
  }
  return given.size === count ? faults : [...faults, `${given.size} of ${count} machines have an address`];
}

/** Medians and extremes, for people. */
export function figuresOf({ statusSeconds, acks, seconds, peakMiB, cpuSeconds }: StormReport): string {
  const sorted = [...statusSeconds].sort((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(3);
  return [
    `${acks.length} ACKs in ${seconds.dhcp.toFixed(1)} s, downloads in ${seconds.downloads.toFixed(1)} s`,
    `the daemon: ${peakMiB.toFixed(0)} MiB at most, ${cpuSeconds.toFixed(1)} CPU seconds`,
    `its status in ${at(0.5)} s (median), ${at(1)} s (longest of ${sorted.length})`,
  ].join("; ");
}

/** `program` runs Ingot. */
export async function runStorm(count: number, program: readonly string[]): Promise<StormReport> {
  const rig = new NetbootRig(`storm${count}`);
  try {
    return await new Storm(rig, count).run(program);
  } finally {
    await rig.stop();
  }
}

class Storm {
  readonly #rig: NetbootRig;
  readonly #count: number;
  readonly #socket: string;

  constructor(rig: NetbootRig, count: number) {
    this.#rig = rig;
    this.#count = count;
    this.#socket = join(rig.folder, "state", "ingot.sock");
  }

  async run(program: readonly string[]): Promise<StormReport> {
    await this.#startServer(program);
    const looking = this.#lookAtStatus();
    const begun = performance.now();
    const dhcp = await this.#powerOn();
    const acks = await this.#acks();
    const acked = performance.now();
    const fetched = await this.#fetch(acks);
    const done = performance.now();
    const statusSeconds = await looking();
    const text = fetched.map(({ output }) => output).join("");
    const lines = [...text.matchAll(/^got (\S+) (\S+) (\d+)$/gm)];
    return {
      acks,
      downloads: lines.map(([, url = "", code = "", bytes]) => ({
        what: whatOf(url),
        code,
        bytes: Number(bytes),
      })),
      trouble: [
        dhcp.code === 0 ? "" : dhcp.output,
        ...text.split("\n").filter((line) => /^curl: /.test(line)),
      ]
        .join("\n")
        .slice(0, 4000),
      ...this.#processFigures(),
      statusSeconds,
      seconds: { dhcp: (acked - begun) / 1000, downloads: (done - acked) / 1000 },
    };
  }

  async #startServer(program: readonly string[]): Promise<void> {
    const { folder } = this.#rig;
    this.#rig.connect();
    await this.#inServer(`ip addr flush dev br0; ip addr add ${server}/16 dev br0`);
    await this.#inClient("ip addr add 10.76.0.2/16 dev v1");
    writeFlavor(join(folder, "state", "flavors", "standard"));
    const config = join(folder, "ingot.yaml");
    const place = `{name: br0, mode: server, address: ${server}, subnet: 10.76.0.0/16, pool: {from: 10.76.64.0, to: 10.76.95.255}, discover: true}`;
    writeFileSync(
      config,
      `state: ${folder}/state\napi: {listen: ["127.0.0.1:9443"]}\nnetboot: {interfaces: [${place}]}\n`,
    );
    await this.#rig.serve([...program, "serve", "--config", config], "Ingot is up");
    const nodes = this.#machines().flatMap((index) => {
      const ip = addressOf(index);
      return ip === undefined ? [] : [{ name: `n${index}`, macs: [macOf(index)], ip }];
    });
    writeFileSync(join(folder, "nodes.json"), JSON.stringify({ nodes }));
    await this.#inServer(
      `curl -sS -f --unix-socket ${this.#socket} -H 'content-type: application/json' -d @nodes.json -o nodes.out http://ingot/api/nodes`,
    );
  }

  /** All machines' DISCOVERs at once; who hears nothing asks again, with growing pauses. */
  async #powerOn(): Promise<Ran> {
    const watch = this.#rig.run(
      "tcpdump -i v1 -nn -s 0 -B 16384 -w acks.pcap 'udp src port 67 and src host 10.76.0.1' 2>tcpdump.err & echo $! > tcpdump.pid; wait",
      300,
    );
    await this.#inClient("until grep -q 'listening on' tcpdump.err; do sleep 0.1; done");
    const pxeClient = Buffer.from("PXEClient:Arch:00000:UNDI:002001").toString("hex");
    const ran = await this.#rig.run(
      `perfdhcp -4 --scenario avalanche -l v1 -R ${this.#count} -b mac=${macOf(0)} -o 60,${pxeClient} -o 93,0000 -g single ${server}`,
      240,
    );
    await this.#inClient("sleep 1; kill $(cat tcpdump.pid)");
    await watch;
    return ran;
  }

  async #acks(): Promise<StormReport["acks"]> {
    const { output } = await this.#rig.run("tcpdump -nn -v -r acks.pcap 2>/dev/null", 60);
    return output
      .split(/\n(?=\S)/)
      .filter((packet) => /DHCP-Message.*: ACK/.test(packet))
      .map((packet) => ({
        mac: /Client-Ethernet-Address (\S+)/.exec(packet)?.[1] ?? "",
        address: /Your-IP (\S+)/.exec(packet)?.[1] ?? "",
      }));
  }

  /** Each machine fetches all that it boots, at the same time as all others. */
  async #fetch(acks: StormReport["acks"]): Promise<readonly Ran[]> {
    const addresses = new Map(acks.map(({ mac, address }) => [mac, address]));
    const batch = [...addresses.values()].map((address) => `addr add ${address}/16 dev v1`);
    writeFileSync(join(this.#rig.folder, "addresses"), `${batch.join("\n")}\n`);
    await this.#inClient("ip -batch addresses");
    const curls: Promise<Ran>[] = [];
    for (let from = 0; from < this.#count; from += machinesPerCurl) {
      const machines = this.#machines().slice(from, from + machinesPerCurl);
      writeFileSync(join(this.#rig.folder, `curl${from}`), curlConfig(machines, addresses));
      curls.push(
        this.#rig.run(
          `curl --parallel --parallel-immediate --parallel-max 300 --no-progress-meter --show-error --config curl${from}`,
          300,
        ),
      );
    }
    return await Promise.all(curls);
  }

  /** Asks for the status again and again; the function that it returns ends that, and tells how long answers took. */
  #lookAtStatus(): () => Promise<readonly number[]> {
    const looking = this.#rig.runBesideServer(
      `while [ ! -e enough ]; do curl -sS -o status.out -w '%{http_code} %{time_total}\n' --unix-socket ${this.#socket} http://ingot/api/status; sleep 0.1; done`,
      600,
    );
    return async () => {
      writeFileSync(join(this.#rig.folder, "enough"), "");
      const { output } = await looking;
      return [...output.matchAll(/^200 (\S+)$/gm)].map(([, seconds]) => Number(seconds));
    };
  }

  #processFigures(): Pick<StormReport, "peakMiB" | "cpuSeconds"> {
    const status = readFileSync(`/proc/${this.#rig.pid}/status`, "latin1");
    const fields = readFileSync(`/proc/${this.#rig.pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
    return {
      peakMiB: Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024,
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
    };
  }

  #machines(): readonly number[] {
    return Array.from({ length: this.#count }, (_, index) => index);
  }

  async #inServer(line: string): Promise<void> {
    mustHaveRun(line, await this.#rig.runBesideServer(line));
  }

  async #inClient(line: string): Promise<void> {
    mustHaveRun(line, await this.#rig.run(line, 60));
  }
}

function mustHaveRun(line: string, { code, output }: Ran): void {
  if (code !== 0) {
    throw new Error(`${line}: ${output}`);
  }
}

function writeFlavor(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, size] of Object.entries(imageBytes)) {
    writeFileSync(join(folder, name), Buffer.alloc(size, name));
  }
  const description: FlavorDescription = {
    ...{ name: "standard", arch: "x86_64", kernelVersion: "6.1", packages: [] },
    created: "2026-01-01T00:00:00Z",
    sizes: { kernel: imageBytes.kernel, initrd: imageBytes["initrd.img"], unpacked: 9_000_000 },
    sha256s: { kernel: "0", initrd: "0" },
  };
  writeFileSync(join(folder, "flavor.json"), encodeFlavor(description));
}

function curlConfig(machines: readonly number[], addresses: ReadonlyMap<string, string>): string {
  const transfers = machines.flatMap((index) => {
    const mac = macOf(index);
    return [
      `tftp://${server}/undionly.kpxe`,
      `http://${server}:8088/boot/ipxe?mac=${mac}&arch=0`,
      `http://${server}:8088/boot/flavors/standard/kernel`,
      `http://${server}:8088/boot/flavors/standard/initrd.img`,
    ].map((url) =>
      [
        `url = "${url}"`,
        'output = "/dev/null"',
        `interface = "${addresses.get(mac) ?? "0.0.0.0"}"`,
        "tftp-blksize = 1468",
        'write-out = "got %{url} %{response_code} %{size_download}\\n"',
      ].join("\n"),
    );
  });
  return `${transfers.join("\nnext\n")}\n`;
}

function whatOf(url: string): string {
  const path = new URL(url).pathname;
  const names: Readonly<Record<string, string>> = { "/undionly.kpxe": "loader", "/boot/ipxe": "script" };
  return names[path] ?? path.slice(path.lastIndexOf("/") + 1);
}
