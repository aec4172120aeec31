/** The distribution's signed shim and GRUB in a lab's state folder, as a site may put them there. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../../lab/lab.ts";

/** Unpacked, not installed: this machine's own boot loader is none of the test's business. */
export function fetchSignedLoaders(lab: Lab): void {
  const folder = lab.folder("signed");
  execFileSync("apt-get", ["download", "-qq", "shim-signed", "grub-efi-amd64-signed"], { cwd: folder });
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".deb"))) {
    execFileSync("dpkg-deb", ["-x", file, "."], { cwd: folder });
  }
  mkdirSync(join(lab.state, "loaders"), { recursive: true });
  for (const file of ["shim/shimx64.efi.signed", "grub/x86_64-efi-signed/grubnetx64.efi.signed"]) {
    copyFileSync(
      join(folder, "usr", "lib", file),
      join(lab.state, "loaders", file.slice(file.lastIndexOf("/") + 1)),
    );
  }
}
