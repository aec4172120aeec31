/** Keeps services of an image from being started by what is installed in it; see services-off.sh. */
import { AppError } from "../../base/errors.ts";
import { packageFile } from "../../base/package-file.ts";
import { runProcess } from "../../base/process.ts";

/** Told to every program inside: systemctl and rpm's scripts then change settings only, and do not look for a running systemd. */
export const offlineEnvironment: Readonly<Record<string, string>> = { SYSTEMD_OFFLINE: "1" };

export async function putServicesOff(tree: string): Promise<void> {
  await run("put", tree);
}

/** Undoes it, also for a chroot that is gone without having done so. Only for the holder of the image. */
export async function removeServicesOff(tree: string): Promise<void> {
  await run("remove", tree);
}

async function run(verb: "put" | "remove", tree: string): Promise<void> {
  const { code, stderr } = await runProcess(["sh", packageFile("images/chroot/services-off.sh"), verb, tree]);
  if (code !== 0) {
    throw new AppError("io", `Services in ${tree} cannot be kept from starting: ${stderr.trim()}`);
  }
}
