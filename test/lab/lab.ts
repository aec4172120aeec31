/**
 * A lab: a closed network with an Ingot server and virtual machines on it, in one folder, removed as a whole.
 *
 *   const lab = await Lab.open();
 *   const golden = await lab.golden();                                          // Debian on /dev/vda, off
 *   const node = await lab.machine({ name: "node1", firmware: "uefi", disks: [{ bus: "nvme", size: "8G" }] });
 *   await lab.startDaemon();
 *   await lab.ingot("node", "add", "node1", "--mac", node.mac, "--ip", node.address);
 *   await node.start();
 *   …
 *   await lab.close();
 */
import { join } from "node:path";
import { type Daemon, type DaemonOptions, ingot, startDaemon, stateFolder, type Wire } from "./daemon.ts";
import { type Dnsmasq, type DnsmasqOptions, startDnsmasq } from "./dnsmasq.ts";
import { cacheFolder, goldenDisk, goldenKernelFile, labKey } from "./golden.ts";
import type { GoldenKernel } from "./golden-recipe.ts";
import { probeKvm } from "./kvm.ts";
import { Machine } from "./machine.ts";
import type { MachineSpec } from "./machine-spec.ts";
import { closeNetwork, ipv6Announcer, labNetwork, openNetwork } from "./network.ts";
import {
  findLabs,
  keepLab,
  type LabPlace,
  labFolder,
  registerLab,
  registerProcess,
  removeLab,
} from "./registry.ts";
import { type RunOptions, type RunResult, startBackground } from "./run.ts";

export interface LabOptions {
  /** Told what takes long. */
  readonly report?: (message: string) => void;
  /** "auto" uses KVM where it really boots. */
  readonly accelerator?: "auto" | "tcg";
}

export class Lab {
  readonly place: LabPlace;
  /** The private key that golden machines let in as root. */
  readonly keyFile: string;
  readonly #abort = new AbortController();
  readonly #report: (message: string) => void;
  readonly #machines: Machine[] = [];
  readonly #stops: (() => Promise<unknown>)[] = [];
  readonly #onSignal = (signal: NodeJS.Signals): void => void this.#interrupt(signal);
  #accelerator: "tcg" | "kvm" = "tcg";
  #closing: Promise<void> | undefined;

  private constructor(options: { place: LabPlace; keyFile: string; report: (message: string) => void }) {
    this.place = options.place;
    this.keyFile = options.keyFile;
    this.#report = options.report;
  }

  /** Makes a lab, after removing those whose process died without doing so. */
  static async open(options: LabOptions = {}): Promise<Lab> {
    const report = options.report ?? (() => undefined);
    if (process.getuid?.() !== 0) {
      throw new Error("The lab makes network namespaces, loop devices and mounts: run it as root");
    }
    for (const place of findLabs("dead")) {
      report(`removing ${place.namespace}, left by a run that was killed`);
      await removeLab(place);
    }
    const lab = new Lab({ place: registerLab(), keyFile: await labKey(), report });
    process.on("SIGINT", lab.#onSignal);
    process.on("SIGTERM", lab.#onSignal);
    process.on("SIGHUP", lab.#onSignal);
    try {
      await openNetwork(lab.place.namespace);
      lab.#startAnnouncer();
      if ((options.accelerator ?? "auto") === "auto") {
        const answerFile = join(cacheFolder(), "kvm");
        const works = await probeKvm({
          kernel: () => goldenKernelFile(lab.#goldenOptions("cloud")),
          answerFile,
        });
        lab.#accelerator = works ? "kvm" : "tcg";
      }
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** Removes labs that were kept running on purpose; gives how many. */
  static async removeKept(): Promise<number> {
    const kept = findLabs("kept");
    for (const place of kept) {
      await removeLab(place);
    }
    return kept.length;
  }

  get accelerator(): "tcg" | "kvm" {
    return this.#accelerator;
  }

  /** Aborts when the lab is interrupted or closed: hand it to what waits. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get machines(): readonly Machine[] {
    return this.#machines;
  }

  get state(): string {
    return stateFolder(this.place);
  }

  /** Makes a machine; it is off. */
  async machine(spec: MachineSpec): Promise<Machine> {
    const index = this.#machines.length;
    const machine = await Machine.create(spec, {
      place: this.place,
      index,
      address: labNetwork.address(index),
      keyFile: this.keyFile,
      accelerator: this.#accelerator,
      signal: this.signal,
    });
    this.#machines.push(machine);
    return machine;
  }

  /** Makes the golden client: a hand-installed Debian 12 on a virtio disk, with its own copy of the disk; it is off. */
  async golden(options: { readonly kernel?: GoldenKernel } & Partial<MachineSpec> = {}): Promise<Machine> {
    const { kernel, ...spec } = options;
    const from = await goldenDisk(this.#goldenOptions(kernel ?? "cloud"));
    return await this.machine({ name: "golden", boot: "disk", disks: [{ bus: "virtio", from }], ...spec });
  }

  async startDaemon(options: DaemonOptions = {}): Promise<Daemon> {
    const daemon = await startDaemon(this.place, { ...options, keyFile: this.keyFile, signal: this.signal });
    this.#stops.push(daemon.stop);
    return daemon;
  }

  /** Runs `ingot` with the given words against the lab's daemon; throws when it fails. */
  ingot(...words: readonly string[]): Promise<RunResult> {
    return this.ingotWith({}, ...words);
  }

  /** As {@link ingot}, with options: let failures pass, show the output. */
  ingotWith(options: RunOptions & { readonly wire?: Wire }, ...words: readonly string[]): Promise<RunResult> {
    return ingot(this.place, words, { signal: this.signal, ...options });
  }

  /** Builds a flavor. Its packages come from this machine's mirrors, so a daemon on this machine's own wire does it, before the lab's. */
  async buildFlavor(options: RunOptions = {}, ...words: readonly string[]): Promise<RunResult> {
    const daemon = await this.startDaemon({ wire: "host" });
    try {
      return await this.ingotWith({ ...options, wire: "host" }, "flavor", "build", ...words);
    } finally {
      await daemon.stop();
    }
  }

  async startDnsmasq(options: DnsmasqOptions): Promise<Dnsmasq> {
    const dnsmasq = await startDnsmasq(this.place, options);
    this.#stops.push(() => dnsmasq.process.stop());
    return dnsmasq;
  }

  /** A folder of the lab for a test's own files. */
  folder(name: string): string {
    return labFolder(this.place, name);
  }

  /** Leaves everything running; a later `Lab.removeKept()` removes it. */
  keep(): void {
    this.#forgetSignals();
    keepLab(this.place);
  }

  /** Stops and removes everything. May be called more than once. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#abort.abort(new Error("The lab was closed"));
    // Machines first: nothing in them is worth a farewell. The daemon gets its time to stop in order.
    const stops = [...this.#machines.map((machine) => () => machine.stop()), ...this.#stops];
    const results = await Promise.allSettled(stops.map((stop) => stop()));
    await closeNetwork(this.place.namespace);
    await removeLab(this.place);
    this.#forgetSignals();
    const failures = results.flatMap((result) =>
      result.status === "rejected" ? [result.reason as unknown] : [],
    );
    if (failures.length > 0) {
      throw new AggregateError(failures, "The lab could not be closed in order");
    }
  }

  #startAnnouncer(): void {
    const logFile = join(this.place.folder, "ipv6.log");
    const announcer = startBackground(ipv6Announcer(this.place.namespace), { logFile });
    registerProcess(this.place, announcer.pid);
    this.#stops.push(() => announcer.stop());
  }

  #forgetSignals(): void {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.off(signal, this.#onSignal);
    }
  }

  async #interrupt(signal: NodeJS.Signals): Promise<void> {
    // A terminal's Ctrl-C and a supervisor's signal may come both: one removal, told once.
    if (this.#closing === undefined) {
      this.#report(`${signal}: removing the lab`);
    }
    const code = await this.close().then(
      () => (signal === "SIGINT" ? 130 : 143),
      (error: unknown) => {
        console.error(error);
        return 1;
      },
    );
    process.exit(code);
  }

  #goldenOptions(kernel: GoldenKernel) {
    return { kernel, scratch: labFolder(this.place, "scratch"), report: this.#report, signal: this.signal };
  }
}
