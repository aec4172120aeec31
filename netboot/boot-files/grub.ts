/** GRUB 2 configuration for UEFI. Words are in single quotes, inside which GRUB expands nothing. */
import { err, ok, type Result } from "../../base/result.ts";
import type { BootDecision } from "../booter.ts";

/** Loaders of distributions on a disk's EFI system partition, signed ones first; the fallback path last. */
const diskLoaders = [
  ...["debian", "ubuntu", "redhat", "rocky", "almalinux", "centos", "fedora"].map(
    (name) => `${name}/shimx64.efi`,
  ),
  ...["sles/shim.efi", "opensuse/shim.efi", "debian/grubx64.efi", "BOOT/BOOTX64.EFI"],
  ...["debian/shimaa64.efi", "ubuntu/shimaa64.efi", "debian/grubaa64.efi", "BOOT/BOOTAA64.EFI"],
].map((path) => `/EFI/${path}`);

const startDisk = [
  "insmod part_gpt",
  "insmod part_msdos",
  "insmod fat",
  "insmod search_fs_file",
  "insmod chain",
  `for loader in ${diskLoaders.join(" ")}; do`,
  // GRUB expands what is not in single quotes.
  "  if search --no-floppy --file --set=root $loader; then",
  "    chainloader $loader",
  "    boot",
  "  fi",
  "done",
];

/** Sends every machine to its own configuration, whose name only GRUB knows; where there is none, back to the firmware. */
export const grubEntry = "configfile $prefix/grub.cfg-01-$net_default_mac-$grub_cpu\nexit 1\n";

/**
 * The configuration that carries a decision out. Kernel and ramdisk come by HTTP; by TFTP where GRUB has no HTTP, as Debian's signed one,
 * which under Secure Boot can load no module either.
 */
export function renderGrub(
  decision: BootDecision,
  context: { readonly httpBase: string },
): Result<string, string> {
  const comment = `# ${decision.reason.replace(/[^\x20-\x7e]/g, "?")}`;
  if (decision.kind === "local-disk" && decision.method !== "exit") {
    // GRUB 2.06's `exit` tells the firmware that all is well whatever stands behind it, and firmware may stop in its menu then.
    return ok([comment, ...startDisk, "exit 1", ""].join("\n"));
  }
  if (decision.kind === "local-disk" || decision.kind === "ignore") {
    // Back to the firmware, which tries its next boot option.
    return ok(`${comment}\nexit 1\n`);
  }
  const kernel = placeOf(decision.kernel, context.httpBase);
  const initrds = decision.initrds.map((initrd) => placeOf(initrd, context.httpBase));
  if (kernel === undefined || initrds.includes(undefined)) {
    return err("a kernel's or ramdisk's place is not an HTTP URL or path");
  }
  const words = decision.cmdline
    .trim()
    .split(/ +/)
    .filter((word) => word !== "");
  if (words.some((word) => !/^[\x21-\x7e]+$/.test(word) || word.includes("'"))) {
    return err("the kernel's command line holds quotes or characters that are not printable ASCII");
  }
  const linux = ["linux", kernel, ...words.map((word) => `'${word}'`)].join(" ");
  const initrd = initrds.length === 0 ? [] : [["initrd", ...initrds].join(" ")];
  const { host, hostname } = new URL(context.httpBase);
  return ok(
    [
      comment,
      // Whether there is HTTP shows when the kernel is loaded: `insmod` says that all is well whatever came of it.
      `for ingot in '(http,${host})' '(tftp,${hostname})'; do`,
      `  if ${linux}; then`,
      ...[...initrd, "boot"].map((command) => `    ${command}`),
      "  fi",
      "done",
      // GRUB would wait at its prompt for ever where a file cannot be had.
      "echo 'Ingot: starting over'",
      "sleep 10",
      "reboot",
      "",
    ].join("\n"),
  );
}

/** `"$ingot"'/path'`, or for another server's file `'(http,10.0.0.9)/path'`. */
function placeOf(place: string, httpBase: string): string | undefined {
  const url = URL.canParse(place, httpBase) ? new URL(place, httpBase) : undefined;
  const path = url === undefined ? "" : `${url.pathname}${url.search}`;
  if (url?.protocol !== "http:" || !/^[\x21-\x7e]+$/.test(path) || path.includes("'")) {
    return undefined;
  }
  return url.host === new URL(httpBase).host ? `"$ingot"'${path}'` : `'(http,${url.host})${path}'`;
}
