/** A GRUB image made by the real `grub-mkimage`, out of a package with the modules of this machine's kind: all processors have the same. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grubHttpScript } from "../../netboot/boot-files/grub-image.ts";
import { makeGrubImage } from "../../netboot/flavor/grub-image.ts";

const modules = "/usr/lib/grub/x86_64-efi";

describe.skipIf(!existsSync(modules))("makeGrubImage()", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "ingot-grub-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("makes a program for UEFI with the script in it, all its modules being there", async () => {
    const root = join(folder, "package");
    mkdirSync(join(root, "DEBIAN"), { recursive: true });
    cpSync(modules, join(root, modules), { recursive: true });
    writeFileSync(
      join(root, "DEBIAN/control"),
      "Package: grub-test\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: test\n",
    );
    const packagePath = join(folder, "grub.deb");
    expect(spawnSync("dpkg-deb", ["-Zgzip", "-z1", "--build", root, packagePath]).status).toBe(0);

    const image = await makeGrubImage({
      ...{ format: "x86_64-efi", packagePath, scratchDir: join(folder, "scratch"), signal: undefined },
    });

    const bytes = Buffer.from(image ?? []);
    expect(bytes.subarray(0, 2).toString("latin1")).toBe("MZ");
    expect(bytes.includes(grubHttpScript)).toBe(true);
  });

  it("has a script that GRUB reads, of simple commands alone", () => {
    const checked = spawnSync("grub-script-check", { input: grubHttpScript, encoding: "utf8" });

    expect(checked.status, checked.stderr).toBe(0);
    expect(grubHttpScript).not.toMatch(/\b(if|for|while|function)\b|[;{}]/);
  });
});
