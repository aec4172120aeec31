/**
 * Whether KVM can be used. That /dev/kvm exists means little: on some virtual machines a guest starts its firmware and then hangs.
 * So a real kernel is booted with it, as far as looking for a root filesystem that is not there.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { run } from "./run.ts";

const probeSeconds = 6;

/** Boots `kernel` under KVM unless `answerFile` has the answer for this boot of the host. */
export async function probeKvm(options: {
  readonly kernel: () => Promise<string>;
  readonly answerFile: string;
}): Promise<boolean> {
  if (!existsSync("/dev/kvm")) {
    return false;
  }
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  if (existsSync(options.answerFile)) {
    const [id, answer] = readFileSync(options.answerFile, "latin1").trim().split(" ");
    if (id === bootId) {
      return answer === "works";
    }
  }
  const works = await bootsWithKvm(await options.kernel());
  mkdirSync(dirname(options.answerFile), { recursive: true });
  writeFileSync(options.answerFile, `${bootId} ${works ? "works" : "fails"}\n`);
  return works;
}

async function bootsWithKvm(kernel: string): Promise<boolean> {
  const argv = [
    ...["qemu-system-x86_64", "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"],
    ...["-accel", "kvm", "-cpu", "host", "-machine", "q35", "-m", "256", "-serial", "stdio"],
    ...["-kernel", kernel, "-append", "console=ttyS0 panic=-1"],
  ];
  const boot = await run(["timeout", "--signal=KILL", String(probeSeconds), ...argv], { allowFailure: true });
  return boot.stdout.includes("Unable to mount root fs");
}
