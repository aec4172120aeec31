/** What the machine boots: a flavor's kernel and install ramdisk. */
export interface MachineSystem {
  /** `uname -m` of the machines that it is for. */
  readonly processor: string;
  readonly kernel: string;
  readonly ramdisk: string;
  /** One file as the kernel unpacks it: a cpio archive that may stand before the ramdisk. */
  archiveOf(file: { readonly path: string; readonly data: Uint8Array }): Iterable<Uint8Array>;
}
