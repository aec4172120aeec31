/** One virtual machine: its files, its QEMU process, its serial line, and its power switch. */
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { disksOf, type MachineSpec, macFor, nicsOf, qemuArguments, qemuProgram } from "./machine-spec.ts";
import { inNamespace, openTap } from "./network.ts";
import { Qmp, type QmpEvent } from "./qmp.ts";
import { type LabPlace, labFolder, registerProcess } from "./registry.ts";
import { type Background, type RunOptions, type RunResult, run, startBackground, waitFor } from "./run.ts";
import { copyTo, type SshTarget, ssh, waitForSsh } from "./ssh.ts";

const ovmf = { code: "/usr/share/OVMF/OVMF_CODE_4M.fd", vars: "/usr/share/OVMF/OVMF_VARS_4M.fd" } as const;
const secureOvmf = {
  code: "/usr/share/OVMF/OVMF_CODE_4M.ms.fd",
  vars: "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
} as const;

const armFirmware = {
  code: "/usr/share/AAVMF/AAVMF_CODE.fd",
  vars: "/usr/share/AAVMF/AAVMF_VARS.fd",
} as const;

function firmwareOf(spec: MachineSpec): { readonly code: string; readonly vars: string } {
  if (spec.processor === "arm64") {
    return armFirmware;
  }
  return spec.secureBoot === true ? secureOvmf : ovmf;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal control sequences start with the escape character
const terminalControl = /\u001b\[[0-9;?=]*[A-Za-z]/g;

export interface MachineOptions {
  readonly place: LabPlace;
  /** The machine's number in its lab: names its taps. */
  readonly index: number;
  /** The address that the lab means it to have; who gives it is up to the test. */
  readonly address: string;
  readonly keyFile: string;
  readonly accelerator: "tcg" | "kvm";
  readonly signal: AbortSignal;
}

export class Machine {
  readonly spec: MachineSpec;
  readonly address: string;
  readonly macs: readonly string[];
  readonly folder: string;
  readonly serialLog: string;
  readonly diskFiles: readonly string[];
  readonly #options: MachineOptions;
  readonly #events: QmpEvent[] = [];
  #qemu: Background | undefined;
  #qmp: Qmp | undefined;

  private constructor(spec: MachineSpec, options: MachineOptions) {
    this.spec = spec;
    this.#options = options;
    this.address = options.address;
    this.macs = nicsOf(spec).map((nic, index) => nic.mac ?? macFor(spec.name, index));
    this.folder = labFolder(options.place, `machines/${spec.name}`);
    this.serialLog = join(this.folder, "serial.log");
    this.diskFiles = disksOf(spec).map((_, index) => join(this.folder, `disk${index}.raw`));
  }

  /** Makes a machine's disks and taps; it is off. */
  static async create(spec: MachineSpec, options: MachineOptions): Promise<Machine> {
    const machine = new Machine(spec, options);
    for (const [index, disk] of disksOf(spec).entries()) {
      const file = machine.diskFiles[index]!;
      if (disk.from !== undefined) {
        await run(["cp", "--sparse=always", "--reflink=auto", disk.from, file]);
      }
      if (disk.size !== undefined) {
        await run(["truncate", "--size", disk.size, file]);
      }
    }
    for (const tap of machine.#taps()) {
      await openTap(options.place.namespace, tap);
    }
    if (spec.firmware === "uefi") {
      copyFileSync(firmwareOf(spec).vars, join(machine.folder, "vars.fd"));
    }
    return machine;
  }

  get mac(): string {
    return this.macs[0]!;
  }

  get running(): boolean {
    return this.#qemu?.running() ?? false;
  }

  /** How to reach the machine's serial line by hand. */
  get serialSocket(): string {
    return join(this.folder, "serial.sock");
  }

  /** Powers the machine on. */
  async start(): Promise<void> {
    if (this.running) {
      throw new Error(`${this.spec.name} runs already`);
    }
    const qmpSocket = join(this.folder, "qmp.sock");
    rmSync(qmpSocket, { force: true });
    const uefi = this.spec.firmware === "uefi";
    const args = qemuArguments(this.spec, {
      diskFiles: this.diskFiles,
      taps: this.#taps(),
      macs: this.macs,
      serialSocket: this.serialSocket,
      serialLog: this.serialLog,
      qmpSocket,
      ...(uefi && { firmwareCode: firmwareOf(this.spec).code, firmwareVars: join(this.folder, "vars.fd") }),
      accelerator: this.#options.accelerator,
    });
    const logFile = join(this.folder, "qemu.log");
    const { place, signal } = this.#options;
    const qemu = startBackground([...inNamespace(place.namespace), qemuProgram(this.spec), ...args], {
      logFile,
    });
    this.#qemu = qemu;
    registerProcess(place, qemu.pid);
    this.#qmp = await waitFor(
      async () => {
        if (!qemu.running()) {
          throw new Error(`QEMU did not start ${this.spec.name}:\n${readFileSync(logFile, "utf8")}`);
        }
        return existsSync(qmpSocket)
          ? await Qmp.connect(qmpSocket, (event) => this.#events.push(event)).catch(() => undefined)
          : undefined;
      },
      { what: `${this.spec.name}'s QEMU`, timeoutMs: 20_000, everyMs: 50, signal },
    );
  }

  /** Pulls the plug. */
  async stop(): Promise<void> {
    this.#qmp?.close();
    this.#qmp = undefined;
    await this.#qemu?.stop();
    this.#qemu = undefined;
  }

  /** Asks the system to power off, and waits until it has: its filesystems are clean then. */
  async shutDown(timeoutMs = 120_000): Promise<void> {
    // The connection may break before the answer comes: what counts is that the machine goes off.
    await this.ssh("systemctl poweroff", { allowFailure: true });
    await this.waitForExit(timeoutMs);
  }

  /** Presses the reset button. */
  async reset(): Promise<void> {
    await this.#command("system_reset");
  }

  /** Waits until QEMU ends by itself, because the system in it powered off. */
  async waitForExit(timeoutMs: number): Promise<void> {
    const { signal } = this.#options;
    await waitFor(() => (this.running ? undefined : true), {
      what: `${this.spec.name} to power off`,
      timeoutMs,
      signal,
    });
    await this.stop();
  }

  /** How often the system in the machine has rebooted. */
  get reboots(): number {
    return this.#events.filter((event) => event.event === "RESET" && event.data?.guest === true).length;
  }

  /** Waits for the next reboot after `seen` of them. */
  async waitForReboot(options: { readonly seen: number; readonly timeoutMs: number }): Promise<void> {
    await waitFor(() => (this.reboots > options.seen ? true : undefined), {
      what: `${this.spec.name} to reboot${this.#tail()}`,
      timeoutMs: options.timeoutMs,
      signal: this.#options.signal,
    });
  }

  /** Takes a picture of the screen (PPM); the machine must have one. */
  async screenshot(file: string): Promise<void> {
    await this.#command("screendump", { filename: file });
  }

  /** What has come over the serial line since `from`, a value of {@link mark}. */
  serial(from = 0): string {
    return existsSync(this.serialLog) ? readFileSync(this.serialLog).subarray(from).toString("latin1") : "";
  }

  /** The present end of the serial log: wait from here to skip what was said before. */
  mark(): number {
    return existsSync(this.serialLog) ? statSync(this.serialLog).size : 0;
  }

  /** Waits until the serial line has said something that matches. */
  async waitForSerial(
    pattern: RegExp,
    options: { readonly timeoutMs: number; readonly from?: number },
  ): Promise<RegExpExecArray> {
    return await waitFor(
      () => {
        const match = pattern.exec(this.serial(options.from));
        if (match === null && !this.running) {
          throw new Error(`${this.spec.name} went off before it said ${pattern}${this.#tail()}`);
        }
        return match ?? undefined;
      },
      {
        what: `${pattern} from ${this.spec.name}`,
        timeoutMs: options.timeoutMs,
        signal: this.#options.signal,
      },
    ).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : String(error)}${this.#tail()}`, {
        cause: error,
      });
    });
  }

  /** Types a line on the serial line. */
  async typeLine(text: string): Promise<void> {
    const socket = connect(this.serialSocket);
    await once(socket, "connect");
    await new Promise<void>((resolve) => socket.end(`${text}\r`, resolve));
  }

  /** Runs a shell command on the machine as root. */
  ssh(command: string, options: RunOptions = {}): Promise<RunResult> {
    return ssh(this.sshTarget, command, { signal: this.#options.signal, ...options });
  }

  /** Waits until root can log in; gives the milliseconds it took. */
  async waitForSsh(timeoutMs: number): Promise<number> {
    try {
      return await waitForSsh(this.sshTarget, timeoutMs, this.#options.signal);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}${this.#tail()}`, {
        cause: error,
      });
    }
  }

  async copyTo(files: readonly string[], folder: string): Promise<void> {
    await copyTo(this.sshTarget, files, folder);
  }

  /** Forgets the machine's SSH host key, because it is known to get another one. */
  forgetHostKey(): void {
    rmSync(this.sshTarget.knownHosts, { force: true });
  }

  get sshTarget(): SshTarget {
    const { place, keyFile } = this.#options;
    mkdirSync(this.folder, { recursive: true });
    return {
      namespace: place.namespace,
      address: this.address,
      keyFile,
      knownHosts: join(this.folder, "known_hosts"),
    };
  }

  #taps(): readonly string[] {
    return nicsOf(this.spec).map((_, index) => `tap${this.#options.index}-${index}`);
  }

  async #command(name: string, args?: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.#qmp === undefined) {
      throw new Error(`${this.spec.name} is off`);
    }
    await this.#qmp.command(name, args);
  }

  #tail(): string {
    const lines = this.serial().replace(terminalControl, "").split("\n").slice(-12).join("\n");
    return lines === "" ? "; its serial line is silent" : `; its serial line ends:\n${lines}`;
  }
}
