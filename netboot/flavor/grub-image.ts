/** Makes a GRUB image out of a distribution's modules for another processor: nothing of it runs here. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../base/errors.ts";
import { baseName, type RelPath } from "../../base/path-bytes.ts";
import { grubHttpScript, grubModules } from "../boot-files/grub-image.ts";
import { readDeb } from "./deb-reader.ts";
import { runProgram } from "./program.ts";

export interface GrubImageOptions {
  /** GRUB's own name for what it is made for, also its modules' folder in the package: `arm64-efi`. */
  readonly format: string;
  readonly packagePath: string;
  readonly scratchDir: string;
  readonly signal: AbortSignal | undefined;
}

/** Undefined where the server has no `grub-mkimage`. */
export async function makeGrubImage(options: GrubImageOptions): Promise<Uint8Array | undefined> {
  const { format, scratchDir, signal } = options;
  const folder = join(scratchDir, format);
  const prefix = `usr/lib/grub/${format}/`;
  const wants = (path: RelPath): boolean => path.startsWith(prefix) && /\.(mod|lst|img)$/.test(path);
  await mkdir(folder, { recursive: true });
  for await (const entry of readDeb(options.packagePath, { wants, signal })) {
    if (entry.kind === "file") {
      await writeFile(join(folder, baseName(entry.path)), entry.data);
    }
  }
  const [config, output] = [join(scratchDir, "grub.cfg"), join(scratchDir, "grub.efi")];
  await writeFile(config, grubHttpScript);
  const where = ["--directory", folder, "--config", config, "--output", output];
  try {
    await runProgram(["grub-mkimage", "--format", format, "--prefix", "/", ...where, ...grubModules], {
      debianPackage: "grub-common",
      signal,
    });
  } catch (error) {
    if (error instanceof AppError && error.code === "missing-tool") {
      return undefined;
    }
    throw error;
  }
  return await readFile(output);
}
