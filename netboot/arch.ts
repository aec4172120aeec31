/**
 * Client system architectures (DHCP option 93, RFC 4578 section 2.1, registered at IANA under "Processor Architecture Types").
 * Firmware of 64-bit PCs sends 7 (registered as EFI byte code) far more often than 9.
 */

export type Firmware = "bios" | "uefi";
export type Processor = "x86" | "x64" | "arm32" | "arm64" | "other";

export interface ClientArch {
  /** The number on the wire. */
  readonly code: number;
  readonly firmware: Firmware;
  readonly processor: Processor;
  /** True where the firmware fetches its boot file by HTTP, not TFTP. */
  readonly http: boolean;
}

const known: readonly ClientArch[] = [
  { code: 0, firmware: "bios", processor: "x86", http: false },
  { code: 6, firmware: "uefi", processor: "x86", http: false },
  { code: 7, firmware: "uefi", processor: "x64", http: false },
  { code: 9, firmware: "uefi", processor: "x64", http: false },
  { code: 10, firmware: "uefi", processor: "arm32", http: false },
  { code: 11, firmware: "uefi", processor: "arm64", http: false },
  { code: 15, firmware: "uefi", processor: "x86", http: true },
  { code: 16, firmware: "uefi", processor: "x64", http: true },
  { code: 18, firmware: "uefi", processor: "arm32", http: true },
  { code: 19, firmware: "uefi", processor: "arm64", http: true },
  { code: 20, firmware: "bios", processor: "x86", http: true },
];

/** The architecture of a code; one that is not in the table is UEFI of another processor, for which there is no loader. */
export function clientArch(code: number): ClientArch {
  return (
    known.find((arch) => arch.code === code) ?? { code, firmware: "uefi", processor: "other", http: false }
  );
}

/** What a first loader is built for: `bios-x86`, `uefi-x64`, `uefi-arm64` … */
export type LoaderTarget = `${Firmware}-${Processor}`;

export function loaderTarget(arch: ClientArch): LoaderTarget {
  return `${arch.firmware}-${arch.processor}`;
}

/**
 * Whether a loader goes on where HTTP boot has loaded it. Distributions' signed GRUB has no HTTP, and the shim loads that one: it would stop
 * at its prompt, where firmware that is told nothing tries its next way.
 */
export function speaksHttp(loader: string): boolean {
  return !/^(?:grub|shim)(?:net)?(?:x64|aa64)\.efi/.test(loader);
}

/**
 * First loaders by target. BIOS and UEFI x64 are named as in Debian's `ipxe` package, which has none for arm64: GRUB is what comes with
 * that processor's flavor.
 */
export const defaultLoaders: Readonly<Partial<Record<LoaderTarget, string>>> = {
  "bios-x86": "undionly.kpxe",
  "uefi-x64": "snponly.efi",
  "uefi-arm64": "grubaa64.efi",
};
