/** One emulated machine that boots a kernel and ramdisk directly, with its network on this host's loopback. */
import { type ChildProcess, spawn } from "node:child_process";

export interface MachineOptions {
  readonly kernel: string;
  readonly initrd: string;
  readonly words: readonly string[];
  readonly memory: number;
  readonly disk?: string;
  /** A port of the host's loopback that leads to the machine's SSH. */
  readonly sshPort?: number;
}

export interface Machine {
  readonly console: () => string;
  readonly waitForConsole: (pattern: RegExp, timeout: number) => Promise<void>;
  /** Resolves when the machine has rebooted or stopped. */
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

export const machineMac = "52:54:00:12:34:56";

export function startMachine(options: MachineOptions): Machine {
  const forward = options.sshPort === undefined ? "" : `,hostfwd=tcp:127.0.0.1:${options.sshPort}-:22`;
  const disk = options.disk === undefined ? [] : ["-drive", `file=${options.disk},format=raw,if=virtio`];
  const child: ChildProcess = spawn(
    "qemu-system-x86_64",
    [
      ...[
        "-machine",
        "q35,accel=tcg",
        "-cpu",
        "max",
        "-smp",
        "2",
        "-m",
        String(options.memory),
        "-no-reboot",
      ],
      ...["-display", "none", "-vga", "none", "-monitor", "none", "-serial", "stdio"],
      ...["-netdev", `user,id=n0${forward}`, "-device", `virtio-net-pci,netdev=n0,mac=${machineMac}`],
      ...disk,
      ...["-kernel", options.kernel, "-initrd", options.initrd],
      ...["-append", ["console=ttyS0", "panic=5", ...options.words].join(" ")],
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let text = "";
  child.stdout?.setEncoding("utf8");
  child.stdout?.on("data", (part: string) => {
    text += part;
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    console: () => text,
    async waitForConsole(pattern, timeout) {
      for (const end = Date.now() + timeout; !pattern.test(text); ) {
        if (Date.now() > end) {
          throw new Error(`The console never said ${pattern}:\n${text.slice(-3000)}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    ended,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
