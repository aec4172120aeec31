/** What a virtual machine is, as tests describe it in a line, and the QEMU command line that makes it. Pure. */

/**
 * The processor under TCG. No XSAVE and with it no AVX: QEMU 7.2's emulation of them is new, and with `-cpu max` boots of Debian
 * failed in odd ways when the host was busy. What cryptography and digests gain from is there. No SVM, or the guest loads KVM.
 */
const tcgCpu = "qemu64,svm=off,+aes,+pclmulqdq,+ssse3,+sse4.1,+sse4.2,+popcnt";

/** The same for an ARM server: without SVE, which is as new. */
const tcgArmCpu = "cortex-a57";

export type Firmware = "bios" | "uefi";
/** `arm64` has UEFI and no other firmware. */
export type Processor = "x64" | "arm64";
export type DiskBus = "virtio" | "scsi" | "sata" | "nvme";

export interface DiskSpec {
  readonly bus: DiskBus;
  /** As truncate(1) takes it: `8G`, `900M`. Not needed with `from`. */
  readonly size?: string;
  /** A raw disk file to start from; the machine gets a copy of its own. */
  readonly from?: string;
  /** Bytes of a sector, 512 unless told; 4096 is "4Kn". */
  readonly sector?: 4096;
}

export interface NicSpec {
  readonly model?: "virtio" | "e1000";
  readonly mac?: string;
  /**
   * Who speaks PXE: QEMU's own option ROM, which is iPXE, or the firmware. The default is what is common on real machines:
   * an option ROM under BIOS, the firmware's own stack under UEFI. (SeaBIOS has no stack of its own.) `http`: UEFI's own
   * HTTP boot, with its PXE off.
   */
  readonly pxe?: "rom" | "firmware" | "http";
}

export interface MachineSpec {
  readonly name: string;
  readonly firmware?: Firmware;
  /** A PC unless told. An ARM server is always emulated. */
  readonly processor?: Processor;
  /** UEFI with Microsoft's keys enrolled, and Secure Boot on. */
  readonly secureBoot?: boolean;
  readonly disks?: readonly DiskSpec[];
  readonly nics?: readonly NicSpec[];
  readonly memoryMiB?: number;
  readonly cpus?: number;
  /** What the firmware tries first; the other comes second. A provisioned site has "network". */
  readonly boot?: "disk" | "network";
  /** Give it a VGA screen, so that `screenshot` works; without one, firmware and boot loader speak on the serial line. */
  readonly screen?: boolean;
}

/** The files and devices of one machine, made by the lab before QEMU starts. */
export interface MachinePlace {
  readonly diskFiles: readonly string[];
  readonly taps: readonly string[];
  readonly macs: readonly string[];
  readonly serialSocket: string;
  readonly serialLog: string;
  readonly qmpSocket: string;
  readonly firmwareCode?: string;
  readonly firmwareVars?: string;
  readonly accelerator: "tcg" | "kvm";
}

/**
 * A stable address for a machine's NIC: 52:54:00 is QEMU's own range. Labs are closed networks, so the same name may have the
 * same address in each of them.
 */
export function macFor(name: string, index: number): string {
  // FNV-1a, 32 bit: three of its bytes are spread well enough for a handful of machines.
  let hash = 0x811c9dc5;
  for (const char of `${name}/${index}`) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  }
  const tail = [hash >>> 16, hash >>> 8, hash].map((byte) => (byte & 255).toString(16).padStart(2, "0"));
  return `52:54:00:${tail.join(":")}`;
}

export function nicsOf(spec: MachineSpec): readonly NicSpec[] {
  return spec.nics ?? [{}];
}

export function disksOf(spec: MachineSpec): readonly DiskSpec[] {
  return spec.disks ?? [];
}

/** The program that emulates a machine. */
export function qemuProgram(spec: MachineSpec): string {
  return spec.processor === "arm64" ? "qemu-system-aarch64" : "qemu-system-x86_64";
}

function boardArguments(spec: MachineSpec, place: MachinePlace): readonly string[] {
  if (spec.processor === "arm64") {
    return ["-accel", "tcg,thread=multi", "-machine", "virt", "-cpu", tcgArmCpu];
  }
  const board = ["q35", ...(spec.screen ? [] : ["graphics=off"]), ...(spec.secureBoot ? ["smm=on"] : [])];
  return [
    ...["-accel", place.accelerator === "kvm" ? "kvm" : "tcg,thread=multi"],
    ...["-machine", board.join(",")],
    // Variables that only the firmware may write: without that, an operating system could enrol keys.
    ...(spec.secureBoot ? ["-global", "driver=cfi.pflash01,property=secure,value=on"] : []),
    ...["-cpu", place.accelerator === "kvm" ? "host" : tcgCpu],
  ];
}

/** The arguments of {@link qemuProgram} for a machine. */
export function qemuArguments(spec: MachineSpec, place: MachinePlace): readonly string[] {
  const diskFirst = spec.boot === "disk";
  const nicCount = nicsOf(spec).length;
  const diskCount = disksOf(spec).length;
  return [
    ...["-name", spec.name, "-no-user-config", "-nodefaults", "-display", "none"],
    ...boardArguments(spec, place),
    ...["-smp", String(spec.cpus ?? 2), "-m", String(spec.memoryMiB ?? 1024)],
    ...["-rtc", "base=utc", "-device", "virtio-rng-pci"],
    ...(spec.screen ? ["-device", "VGA"] : []),
    ...[
      "-chardev",
      `socket,id=serial0,path=${place.serialSocket},server=on,wait=off,logfile=${place.serialLog}`,
    ],
    ...["-serial", "chardev:serial0"],
    ...["-qmp", `unix:${place.qmpSocket},server=on,wait=off`],
    ...firmwareArguments(place),
    ...(nicsOf(spec).some(({ pxe }) => pxe === "http")
      ? ["-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n"]
      : []),
    ...disksOf(spec).flatMap((disk, index) =>
      diskArguments(disk, {
        index,
        file: place.diskFiles[index]!,
        bootIndex: index + 1 + (diskFirst ? 0 : nicCount),
      }),
    ),
    ...nicsOf(spec).flatMap((nic, index) => [
      ...["-netdev", `tap,id=net${index},ifname=${place.taps[index]},script=no,downscript=no`],
      "-device",
      [
        nic.model === "e1000" ? "e1000" : "virtio-net-pci",
        `netdev=net${index}`,
        `mac=${place.macs[index]}`,
        ...(speaksPxe(nic, spec.firmware) === "rom" ? [] : ["romfile="]),
        `bootindex=${index + 1 + (diskFirst ? diskCount : 0)}`,
      ].join(","),
    ]),
  ];
}

function speaksPxe(nic: NicSpec, firmware: Firmware | undefined): NonNullable<NicSpec["pxe"]> {
  return nic.pxe ?? (firmware === "uefi" ? "firmware" : "rom");
}

function firmwareArguments(place: MachinePlace): readonly string[] {
  return place.firmwareCode === undefined
    ? []
    : [
        "-drive",
        `if=pflash,unit=0,format=raw,readonly=on,file=${place.firmwareCode}`,
        "-drive",
        `if=pflash,unit=1,format=raw,file=${place.firmwareVars}`,
      ];
}

function diskArguments(
  { bus, sector }: DiskSpec,
  options: { readonly index: number; readonly file: string; readonly bootIndex: number },
): readonly string[] {
  const id = `disk${options.index}`;
  // The lab's disks live as long as the lab: nothing is gained by syncing them to the host's disk.
  const drive = `if=none,id=${id},format=raw,cache=unsafe,discard=unmap,file=${options.file}`;
  const block = sector === undefined ? "" : `,logical_block_size=${sector},physical_block_size=${sector}`;
  const common = `drive=${id},bootindex=${options.bootIndex}${block}`;
  switch (bus) {
    case "virtio":
      return ["-drive", drive, "-device", `virtio-blk-pci,${common}`];
    case "scsi":
      return [
        ...["-device", `virtio-scsi-pci,id=scsi${options.index}`],
        ...["-drive", drive, "-device", `scsi-hd,bus=scsi${options.index}.0,${common}`],
      ];
    case "sata":
      // The q35 board brings six AHCI ports, ide.0 to ide.5.
      return ["-drive", drive, "-device", `ide-hd,bus=ide.${options.index},${common}`];
    case "nvme":
      return ["-drive", drive, "-device", `nvme,serial=nvme${options.index},${common}`];
  }
}
