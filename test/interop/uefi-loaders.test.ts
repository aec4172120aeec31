/** The script's part for UEFI in dash, on a tree like those of Red Hat's family, with what efibootmgr says on a real machine. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { uefiFunctions } from "../../autoinstall/install/script-uefi.ts";
import { run } from "../lab/run.ts";
import { makeMachine } from "./layout-machine.ts";

let folder: string;
let target: string;

/** efibootmgr 17 of a server that was started from its first network card, and has been installed before. */
const variables = `BootCurrent: 0002
Timeout: 0 seconds
BootOrder: 0002,0003,0001,0000
Boot0000* UiApp	FvVol(7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1)/FvFile(462caa21-7614-4503-836e-8ab6f4662331)
Boot0001* redhat	HD(1,GPT,0a0a0a0a-0000-4000-8000-000000000001,0x800,0x64000)/File(\\EFI\\redhat\\shimx64.efi)
Boot0002* UEFI PXEv4 (MAC:525400123456)	PciRoot(0x0)/Pci(0x3,0x0)/MAC(525400123456,1)/IPv4(0.0.0.00.0.0.0,0,0)
Boot0003  redhat-rescue	HD(1,GPT,0a0a0a0a-0000-4000-8000-000000000001,0x800,0x64000)/File(\\EFI\\redhat\\shimx64.efi)
Boot000A* redhat	HD(2,GPT,0a0a0a0a-0000-4000-8000-000000000002,0x800,0x64000)/File(\\EFI\\redhat\\shim.efi)
`;

/** What the whole script has, and the image's programs; each tells that it was called. */
const surroundings = `
fail() { echo "fail: $1"; exit 1; }
must() { shift; "$@" || fail "$1"; }
say() { echo "say: $1"; }
put() { mkdir -p "$(dirname "$TARGET/$1")" && cat >"$TARGET/$1"; }
grub_program() { echo "$GRUB-$1"; }
configure_grub() { echo configured; }
in_image() {
	case $1 in
	*-probe) echo 1b2c3d4e-0000-4000-8000-00000000000f ;;
	*-mkrelpath) echo /grub2 ;;
	*) echo "run: $*" ;;
	esac
}
efibootmgr() { if [ $# -eq 0 ]; then cat "$FOLDER/variables"; else printf "%s\\n" "efibootmgr $*"; fi; }
uname() { echo x86_64; }
`;

beforeEach(() => {
  folder = mkdtempSync("/tmp/ingot-uefi-");
  target = join(folder, "target");
  mkdirSync(join(target, "boot/grub2"), { recursive: true });
  writeFileSync(join(folder, "variables"), variables);
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function file(path: string, text = path): void {
  mkdirSync(join(target, path, ".."), { recursive: true });
  writeFileSync(join(target, path), text);
}

async function dash(command: string, { grub = "grub2", firmware = "has_variables() { return 0; }" } = {}) {
  const script = join(folder, "script");
  writeFileSync(
    script,
    `set -u\nTARGET=${target} FOLDER=${folder} GRUB=${grub}\n${surroundings}${uefiFunctions}${firmware}\n${command}\n`,
  );
  return (await run(["dash", script], { allowFailure: true })).stdout;
}

describe("loaders of the image's own ESP", () => {
  test("are taken where grub2-install would make one without a signature, and led to the new /boot", async () => {
    file("boot/efi/EFI/redhat/shimx64.efi");
    file("boot/efi/EFI/redhat/grubx64.efi");
    file("boot/efi/EFI/redhat/grub.cfg", "search --fs-uuid the-old-one\n");
    file("boot/efi/EFI/BOOT/BOOTX64.EFI", "of another day");
    file("usr/lib/grub/x86_64-efi/modinfo.sh");

    const said = await dash("install_grub_uefi /boot/efi /boot/efi2", {
      firmware: "has_variables() { return 1; }",
    });

    expect(said).toBe("say: Taking the loaders of the image's /boot/efi/EFI/redhat\nconfigured\n");
    for (const esp of ["boot/efi", "boot/efi2"]) {
      for (const place of ["redhat", "BOOT"]) {
        expect(readFileSync(join(target, esp, "EFI", place, "grub.cfg"), "utf8")).toBe(
          "search --no-floppy --fs-uuid --set=dev 1b2c3d4e-0000-4000-8000-00000000000f\n" +
            "set prefix=($dev)/grub2\nexport prefix\nconfigfile $prefix/grub.cfg\n",
        );
      }
      expect(readFileSync(join(target, esp, "EFI/BOOT/BOOTX64.EFI"), "utf8")).toBe(
        "boot/efi/EFI/redhat/shimx64.efi",
      );
      expect(readFileSync(join(target, esp, "EFI/BOOT/grubx64.efi"), "utf8")).toBe(
        "boot/efi/EFI/redhat/grubx64.efi",
      );
    }
  });

  test("leave the fallback path to the distribution's own program where it has one", async () => {
    file("boot/efi/EFI/sles/shim.efi");
    file("boot/efi/EFI/sles/grub.efi");
    file("boot/efi/EFI/BOOT/fbx64.efi");

    await dash("install_grub_uefi /boot/efi", { firmware: "has_variables() { return 1; }" });

    expect(existsSync(join(target, "boot/efi/EFI/BOOT/grub.efi"))).toBe(false);
    expect(readFileSync(join(target, "boot/efi/EFI/BOOT/BOOTX64.EFI"), "utf8")).toBe(
      "boot/efi/EFI/sles/shim.efi",
    );
  });

  test("are left to grub-install where that knows of signatures", async () => {
    file("boot/efi/EFI/debian/shimx64.efi");
    file("boot/efi/EFI/debian/grubx64.efi");
    file("usr/lib/grub/x86_64-efi/modinfo.sh");

    const said = await dash("install_grub_uefi /boot/efi", {
      grub: "grub",
      firmware: "has_variables() { return 1; }",
    });

    expect(said).toBe(
      [
        "run: grub-install --target=x86_64-efi --efi-directory=/boot/efi --recheck --no-nvram",
        "run: grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable",
        "configured\n",
      ].join("\n"),
    );
  });

  test("that are not there are asked for", async () => {
    file("boot/efi/EFI/a b/shimx64.efi");
    file("boot/efi/EFI/a b/grubx64.efi");

    expect(await dash("install_grub_uefi /boot/efi")).toMatch(/^fail: The image has no GRUB for UEFI: add/);
  });
});

describe("the firmware's variables", () => {
  test("get an entry in place of those of the same name", async () => {
    const machine = await makeMachine(16);
    try {
      await run(["sfdisk", "--quiet", machine.disk], { input: "label: gpt\nsize=8MiB\n" });
      await run(["partx", "--update", machine.disk], { allowFailure: true });

      const said = await dash(
        `findmnt() { echo ${machine.disk}p1; }\nmake_boot_entry /boot/efi redhat shimx64.efi`,
      );

      expect(said).toBe(
        [
          "efibootmgr --quiet --bootnum 0001 --delete-bootnum",
          "efibootmgr --quiet --bootnum 000A --delete-bootnum",
          `efibootmgr --quiet --create --disk ${machine.disk} --part 1 --label redhat --loader \\EFI\\redhat\\shimx64.efi\n`,
        ].join("\n"),
      );
    } finally {
      await machine.remove();
    }
  });

  test("get none for an ESP that several disks hold together", async () => {
    expect(
      await dash("findmnt() { echo /dev/md127; }\nmake_boot_entry /boot/efi redhat shimx64.efi"),
    ).toMatch(/^say: The ESP \/boot\/efi is no partition of one disk/);
  });

  test.each([
    ["0002,0003,0001,0000", "0002", "efibootmgr --quiet --bootorder 0002,0003,0001,0000\n"],
    ["0001,0002", "0002", ""],
    ["0002,0001", "", ""],
  ])("keep %s as it was where the machine was started by %s", async (order, current, expected) => {
    const said = await dash(`keep_network_first "${order}" "${current}"`);

    expect(said.replace(/^say: .*\n/m, "")).toBe(expected);
  });
});

describe("a loader at the fallback path", () => {
  const secure = "unsigned_refused() { return 0; }";

  test("has to be the image's shim where Secure Boot is on", async () => {
    file("usr/lib/shim/shimx64.efi.signed", "shim");
    file("boot/efi/EFI/BOOT/BOOTX64.EFI", "shim");
    expect(await dash("loader_names; check_uefi_boot /boot/efi", { firmware: secure })).toBe("");

    file("boot/efi/EFI/BOOT/BOOTX64.EFI", "grub");
    expect(await dash("loader_names; check_uefi_boot /boot/efi", { firmware: secure })).toMatch(
      /^fail: Secure Boot is on, and the loader/,
    );
    expect(await dash("loader_names; check_uefi_boot /boot/efi")).toBe("");
  });

  test("has to be there", async () => {
    expect(await dash("loader_names; check_uefi_boot /boot/efi")).toMatch(/^fail: There is no loader/);
  });
});
