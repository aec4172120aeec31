/** What the virtual machine that opens disks needs of the server, and what is left of it when the daemon is killed. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProcess } from "../../base/process.ts";
import { guarded } from "../../images/disk/guarded.ts";
import { programOf } from "../programs.ts";

const [node, worker] = programOf(new URL("./disk-machine-worker.ts", import.meta.url));
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-disk-machine-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function sh(script: string, ...words: readonly string[]): string {
  return execFileSync("sh", ["-euc", script, "sh", ...words], { cwd: folder, encoding: "utf8" });
}

async function until(done: () => boolean): Promise<boolean> {
  const end = Date.now() + 20_000;
  while (!done() && Date.now() < end) {
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  return done();
}

describe("a guarded program", () => {
  it("ends when the process that started it is killed, though it has another user and reads nothing", async () => {
    const pidFile = join(folder, "pid");
    const child = spawn(node, [worker, "guard", pidFile], { stdio: "inherit" });
    const pid = () => (existsSync(pidFile) ? readFileSync(pidFile, "utf8").trim() : "");
    const name = () => (pid() === "" ? "" : readFileSync(`/proc/${pid()}/comm`, "utf8").trim());
    expect(await until(() => name() === "sleep")).toBe(true);

    child.kill("SIGKILL");

    expect(await until(() => !existsSync(`/proc/${pid()}`))).toBe(true);
  });

  it("is over for the one who started it when it ends by itself, and what it wrote is told", async () => {
    async function* open(): AsyncGenerator<Uint8Array> {
      await new Promise(() => undefined);
      yield new Uint8Array(0);
    }

    const ran = await runProcess(guarded(["sh", "-c", "echo out; echo because >&2; exit 3"]), {
      stdin: open(),
    });

    expect([Buffer.from(ran.stdout).toString(), ran.stderr]).toEqual(["out\n", "because\n"]);
  });
});

/** The second sector of a physical volume (LVM2's lib/format_text/layout.h): its label, with a checksum over all that follows it. */
function physicalVolumeLabel(): Uint8Array {
  const sector = Buffer.alloc(512);
  sector.write("LABELONE", 0, "latin1");
  sector.writeBigUInt64LE(1n, 8);
  sector.writeUInt32LE(32, 20);
  sector.write("LVM2 001", 24, "latin1");
  sector.write("0".repeat(32), 32, "latin1");
  sector.writeBigUInt64LE(50n * 1024n ** 2n, 64);
  let crc = 0xf597a6cf;
  for (const byte of sector.subarray(20)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  sector.writeUInt32LE(crc >>> 0, 16);
  return sector;
}

describe("a disk with a volume group on a server without QEMU", () => {
  it("says which program is missing, what for, and which package has it", () => {
    writeFileSync(join(folder, "label"), physicalVolumeLabel());
    sh(`truncate -s 64M disk
        printf 'label: dos\\nsize=50MiB, type=8e\\n' | sfdisk --quiet disk`);
    sh(`dd if=label of=disk bs=512 seek=2049 conv=notrunc 2>&1`);
    // Every program of /usr/bin but QEMU, where nobody else sees it.
    const without = `cd "$2"
      mkdir all some
      mount --bind /usr/bin all
      ln -s "$PWD"/all/* some/
      rm some/qemu-system-*
      mount --bind some /usr/bin
      cd "$OLDPWD"
      exec node "$1" open "$2/disk" "$2/work"`;

    const words = ["--mount", "--propagation", "private", "sh", "-euc", without, "sh", worker, folder];
    const said = execFileSync("unshare", words, { encoding: "utf8" });

    expect(said).toMatch(
      /holds LVM, which is read in a virtual machine: qemu-system-x86_64 is not installed/,
    );
    expect(said).toMatch(/"missing-tool".*qemu-system-x86 on Debian/);
    expect(readdirSync(join(folder, "work", "machine"))).toEqual([]);
  });
});
