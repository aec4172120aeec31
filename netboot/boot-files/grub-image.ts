/** A GRUB of our own for firmware that boots by HTTP, made by `grub-mkimage`: what is in it. It is signed by nobody. */
import { grubPath } from "./names.ts";

/** The loader's name by the processor that it is for, as flavors and URLs have it. */
export const httpGrubLoader = "grubhttpaa64.efi";

/**
 * Modules that are built in, since there is no place to load others from: network and firmware, what a rendered configuration uses, and
 * the ways to a disk's own loader.
 */
export const grubModules: readonly string[] = [
  ...["efinet", "net", "http", "tftp", "normal", "configfile", "minicmd", "test", "regexp", "smbios"],
  ...["linux", "echo", "sleep", "reboot", "halt", "all_video", "gzio"],
  ...["part_gpt", "part_msdos", "fat", "search", "search_fs_file", "chain"],
];

const machineConfig = `(http,$net_default_server)${grubPath}/grub.cfg-01-$net_default_mac-$grub_cpu`;

/**
 * Its built-in configuration: simple commands, since the parser that is there so early knows no others. Debian's GRUB takes address,
 * server and port from the firmware's device path, so that no DHCP server is asked again.
 */
export const grubHttpScript = [
  "smbios --type 1 --get-uuid 8 --set ingot_uuid",
  `configfile ${machineConfig}-$ingot_uuid`,
  `configfile ${machineConfig}`,
  "echo Ingot: no configuration could be had",
  "sleep 10",
  "exit 1",
  "",
].join("\n");
