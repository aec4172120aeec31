/** A machine without the machine: a sparse file on a loop device, a stand-in for the ramdisk's library, and a served tree. */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { type RunResult, run } from "../lab/run.ts";

const library = `
ingot_report() { echo "$*" >>"$MACHINE/reports"; }
ingot_fail() { echo "$*" >>"$MACHINE/failures"; return 1; }
ingot_fetch() {
	case $1 in
	/node/tree) cat "$MACHINE/tree" ;;
	/node/scripts/*-install) cat "$MACHINE/scripts/\${1##*/}.list" >"$2" 2>/dev/null || : >"$2" ;;
	/node/scripts/*) cp "$MACHINE/scripts/\${1##*/}" "$2" ;;
	/node/overrides) cat "$MACHINE/overrides" 2>/dev/null || : ;;
	/node/overrides/clear*) cp "$MACHINE/overrides.clear" "$2" ;;
	/node/overrides/tree*only=identity) cat "$MACHINE/overrides.identity" ;;
	/node/overrides/tree*) cat "$MACHINE/overrides.tree" ;;
	/node/variables) echo "HOSTNAME=node01" >"$2" ;;
	*) return 22 ;;
	esac
}
ingot_post() { echo "$1" >>"$MACHINE/posts"; if [ -n "\${2:-}" ]; then cp "$2" "$MACHINE/posted"; fi; }
`;

export interface TestMachine {
  readonly folder: string;
  readonly disk: string;
  readonly target: string;
  runScript(script: string, env?: Readonly<Record<string, string>>): Promise<RunResult>;
  failures(): string;
  reports(): string;
  remove(): Promise<void>;
}

export async function makeMachine(diskMib: number, sectorSize = 512): Promise<TestMachine> {
  const folder = mkdtempSync("/var/tmp/ingot-layout-");
  const image = path.join(folder, "disk.img");
  const file = openSync(image, "w");
  ftruncateSync(file, diskMib * 1024 ** 2);
  closeSync(file);
  writeFileSync(path.join(folder, "node.sh"), library);
  const target = path.join(folder, "target");
  mkdirSync(target);
  const loop = await run(["losetup", "--find", "--show", "--sector-size", String(sectorSize), image]);
  const disk = loop.stdout.trim();
  // Partitions outlive the file that a loop device had before, also one that another program has just let go of.
  await run(["partx", "--delete", disk], { allowFailure: true });
  const read = (name: string) => {
    const at = path.join(folder, name);
    return existsSync(at) ? readFileSync(at, "utf8") : "";
  };
  return {
    folder,
    disk,
    target,
    failures: () => read("failures"),
    reports: () => read("reports"),
    runScript: (script, env = {}) => {
      writeFileSync(path.join(folder, "install.sh"), Buffer.from(script, "latin1"));
      return run(["dash", path.join(folder, "install.sh")], {
        allowFailure: true,
        env: {
          MACHINE: folder,
          INGOT_LIBRARY: path.join(folder, "node.sh"),
          INGOT_TARGET: target,
          INGOT_DISKS: disk,
          ...env,
        },
      });
    },
    remove: async () => {
      await run(["umount", "--recursive", target], { allowFailure: true });
      await run(["partx", "--delete", disk], { allowFailure: true });
      await run(["losetup", "--detach", disk], { allowFailure: true });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
