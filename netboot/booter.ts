/**
 * What netboot asks of the rest of Ingot. It knows nothing of images, jobs or the database: it is told who a machine is, which
 * addresses belong to it, and what it shall boot.
 */
import type { Ipv4Address, MacAddress } from "../base/net-types.ts";
import type { ClientArch } from "./arch.ts";

/** A machine that asks for something to boot. */
export interface Machine {
  readonly mac: MacAddress;
  /** The SMBIOS UUID as lower-case text, where the firmware told it. */
  readonly uuid?: string;
  readonly arch: ClientArch;
  /** True where iPXE asks, false where the firmware itself does. */
  readonly isIpxe: boolean;
  /** True where the firmware does UEFI HTTP boot (RFC 5970's cousin: option 60 is `HTTPClient`). */
  readonly isHttpBoot: boolean;
  /** Option 60, printable ASCII. */
  readonly vendorClass?: string;
}

/**
 * How a machine comes from the network to its disk: `exit` hands back to the firmware, `disk` has the loader start the disk itself,
 * `grub` has GRUB look for the disk's own loader. Undefined: what is right for most firmware of its kind.
 */
export type LocalBootMethod = "exit" | "disk" | "grub";

/** What a machine shall boot, and why (a sentence for logs and for the person who asks). */
export type BootDecision =
  | {
      /** `install` erases disks; `discover` reports the machine's hardware and waits; `rescue` runs a shell. */
      readonly kind: "install" | "discover" | "rescue";
      /** A URL, or a path on the boot service (`/boot/files/standard/vmlinuz`). */
      readonly kernel: string;
      readonly initrds: readonly string[];
      /** The kernel's command line: printable ASCII, no line ends. */
      readonly cmdline: string;
      readonly reason: string;
    }
  | { readonly kind: "local-disk"; readonly reason: string; readonly method?: LocalBootMethod }
  | { readonly kind: "ignore"; readonly reason: string };

/**
 * The boot policy. Asked several times per boot (at DISCOVER, REQUEST, and when the boot script is fetched), so asking must not
 * use an arming up.
 */
export interface Booter {
  decide(machine: Machine): BootDecision | Promise<BootDecision>;
}

/** A known machine's place on the network. */
export interface HostAddress {
  readonly hostname: string;
  /** Its fixed address. Without one, it is given one of the interface's pool, if there is a pool. */
  readonly address?: Ipv4Address;
}

/** Who is known. Asked for every DHCP packet. Who is not in the book gets no answer at all. */
export interface AddressBook {
  /** `machine` is set where the message asks for something to boot: strangers may be let in for that alone, and its UUID may tell who it is. */
  lookup(mac: MacAddress, machine: Machine | undefined): HostAddress | undefined;
  /** True where the address is some known machine's fixed address: the pool leaves it out. */
  isReserved(address: Ipv4Address): boolean;
}
