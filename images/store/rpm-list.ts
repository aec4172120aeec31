/** The packages of an rpm database that was taken out of a version: the server's own rpm lists them, as nobody, with no way to the image. */
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { AppError } from "../../base/errors.ts";
import { runProcess } from "../../base/process.ts";
import { rpmQueryFormat } from "./package-changes.ts";

export interface DatabaseFile {
  /** `rpmdb.sqlite`, `Packages.db` or `Packages`. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

const nobody = 65_534;
const memoryLimit = 2 * 1024 ** 3;
const listLimit = 64 * 1024 ** 2;

/** What `rpm -qa` prints by {@link rpmQueryFormat}; `missing-tool` where the server has no rpm. */
export async function listRpmPackages(
  files: readonly DatabaseFile[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<string> {
  const folder = await mkdtemp(`${tmpdir()}/ingot-rpm-`);
  try {
    for (const { name, bytes } of files) {
      await writeFile(`${folder}/${name}`, bytes);
      await chown(`${folder}/${name}`, nobody, nobody);
    }
    // rpm makes lock files beside the database.
    await chown(folder, nobody, nobody);
    await chmod(folder, 0o700);
    const unprivileged = [
      "setpriv",
      `--reuid=${nobody}`,
      `--regid=${nobody}`,
      "--clear-groups",
      "--no-new-privs",
    ];
    const limited = ["prlimit", `--as=${memoryLimit}`, "--cpu=120", "--core=0"];
    const query = ["rpm", "--dbpath", folder, "--query", "--all", "--queryformat", rpmQueryFormat];
    const { code, stdout, stderr } = await runProcess([...unprivileged, ...limited, ...query], {
      ...options,
      env: { HOME: folder },
      limit: listLimit,
    });
    if (code === 127 || /failed to execute rpm/.test(stderr)) {
      throw new AppError("missing-tool", "Cannot list rpm's packages: rpm is not installed", {
        hint: "Install the package rpm on the server.",
      });
    }
    if (code !== 0) {
      throw new AppError(
        "hostile",
        `rpm cannot read the database: ${stderr.trim().split("\n").at(-1) ?? ""}`,
      );
    }
    // Of a kind of database that it was not built for, rpm makes an empty one, and is content.
    if (stdout.length === 0) {
      const names = files.map(({ name }) => name).join(", ");
      throw new AppError(
        "missing-tool",
        `this server's rpm sees no package in ${names}: perhaps it does not know its kind`,
      );
    }
    return Buffer.from(stdout).toString("utf8");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
