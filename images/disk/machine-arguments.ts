/** The command line of the virtual machine that opens a disk. */

export type Accelerator = "kvm" | "tcg";

/** A kind of machine that QEMU knows. */
export interface Board {
  readonly program: string;
  readonly debianPackage: string;
  readonly machine: string;
  readonly console: string;
  /** Plain old processors, with what checksums and digests gain from: QEMU's emulation of newer ones is younger. */
  readonly emulated: string;
}

const boards: Readonly<Record<string, Board>> = {
  x86_64: {
    program: "qemu-system-x86_64",
    debianPackage: "qemu-system-x86",
    machine: "q35,graphics=off",
    console: "ttyS0",
    emulated: "qemu64,svm=off,+aes,+pclmulqdq,+ssse3,+sse4.1,+sse4.2,+popcnt",
  },
  aarch64: {
    program: "qemu-system-aarch64",
    debianPackage: "qemu-system-arm",
    machine: "virt",
    console: "ttyAMA0",
    emulated: "cortex-a57",
  },
};

/** The machine for a processor, as `uname -m` names it. */
export function boardOf(processor: string): Board | undefined {
  return boards[processor];
}

/** MiB: checkers of filesystems ask for some. */
const memory = 1024;

/** Nobody's user and group number. */
const nobody = 65_534;

/** The arguments of the board's program. A comma in a file's name is doubled, or QEMU would read an option behind it. */
export function machineArguments(machine: {
  readonly board: Board;
  readonly accelerator: Accelerator;
  /** QEMU's, as `7.2`. */
  readonly version: number;
  readonly init: string;
  readonly files: {
    readonly disk: string;
    readonly kernel: string;
    readonly ramdisk: string;
    readonly spool: string;
    readonly console: string;
  };
}): readonly string[] {
  const { board, accelerator, files } = machine;
  const user = `${nobody}:${nobody}`;
  return [
    ...["-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"],
    ...["-machine", board.machine, "-accel", accelerator === "kvm" ? "kvm" : "tcg,thread=multi"],
    ...["-cpu", accelerator === "kvm" ? "host" : board.emulated],
    ...["-smp", "2", "-m", String(memory)],
    // Programs of hostile content run in the machine at worst: QEMU itself starts none, and is not root.
    ...["-sandbox", "on,obsolete=deny,spawn=deny,resourcecontrol=deny"],
    ...(machine.version >= 9.1 ? ["-run-with", `user=${user}`] : ["-runas", user]),
    ...["-kernel", files.kernel, "-initrd", files.ramdisk],
    ...["-append", `console=${board.console} quiet panic=-1 rdinit=/${machine.init}`],
    ...["-serial", `file:${files.console}`],
    ...["-device", "virtio-serial-pci", "-chardev", "stdio,id=server,signal=off"],
    ...["-device", "virtserialport,chardev=server,name=ingot"],
    // The temporary file of a snapshot is opened and unlinked before root is given up.
    ...drive("disk", { file: files.disk, more: "snapshot=on" }),
    ...drive("spool", { file: files.spool, more: "cache=unsafe,discard=unmap" }),
  ];
}

/** Errors go to the machine, a full disk too: it would stand still otherwise. */
function drive(
  id: string,
  { file, more }: { readonly file: string; readonly more: string },
): readonly string[] {
  const name = file.replaceAll(",", ",,");
  return [
    ...["-drive", `if=none,id=${id},format=raw,werror=report,rerror=report,${more},file=${name}`],
    ...["-device", `virtio-blk-pci,drive=${id}`],
  ];
}
