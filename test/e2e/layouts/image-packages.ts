import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../../lab/lab.ts";
import { run } from "../../lab/run.ts";

/** Debian packages with what they need, into an image: the lab's network is closed, so this machine fetches them. */
export async function addPackages(lab: Lab, image: string, names: readonly string[]): Promise<void> {
  const folder = mkdtempSync("/var/tmp/ingot-debs-");
  const tree = join(lab.state, "images", image);
  const plan = await run([
    "apt-get",
    "--simulate",
    "--no-install-recommends",
    `--option=Dir::State::status=${join(tree, "var/lib/dpkg/status")}`,
    "install",
    ...names,
  ]);
  const wanted = plan.stdout.split("\n").flatMap((line) => /^Inst (\S+)/.exec(line)?.[1] ?? []);
  await run(["sh", "-c", 'cd "$1" && shift && apt-get download "$@"', "sh", folder, ...wanted]);
  cpSync(folder, join(tree, "var/cache/ingot-debs"), { recursive: true });
  const install =
    "cd /var/cache/ingot-debs && DEBIAN_FRONTEND=noninteractive dpkg --install ./*.deb; rm -r /var/cache/ingot-debs; dpkg --audit";
  await lab.ingot("image", "chroot", image, "--", "sh", "-c", install);
  rmSync(folder, { recursive: true });
}
