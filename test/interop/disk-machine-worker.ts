/** A process of its own: `guard PIDFILE` starts a guarded program that has another user, `open DISK WORK` opens a disk by a virtual machine. */
import { mkdirSync } from "node:fs";
import { startProcess } from "../../base/process.ts";
import { guarded } from "../../images/disk/guarded.ts";
import { openDisk } from "../../images/disk/open-disk.ts";

const [what = "", file = "", work = ""] = process.argv.slice(2);

async function* nothing(): AsyncGenerator<Uint8Array> {
  await new Promise((resolve) => {
    setTimeout(resolve, 1_000_000);
  });
}

if (what === "guard") {
  const program = 'echo $$ >"$1"; exec setpriv --reuid=65534 --regid=65534 --clear-groups sleep 1000';
  const running = startProcess(guarded(["sh", "-c", program, "sh", file]), { stdin: nothing() });
  await running.exit;
} else {
  mkdirSync(work, { recursive: true });
  const system = { processor: "x86_64", kernel: "/none", ramdisk: "/none", archiveOf: () => [] };
  await openDisk(file, { work, machine: () => Promise.resolve(system) }).catch((error: unknown) => {
    process.stdout.write(JSON.stringify(error));
    process.stdout.write(error instanceof Error ? error.message : "");
  });
}
