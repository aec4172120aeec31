/** Disks with arrays and volume groups, made by stock tools in a virtual machine, because the host's kernel has neither. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RelPath } from "../../../base/path-bytes.ts";
import { encodeCpio } from "../../../netboot/flavor/cpio.ts";
import type { FlavorInfo } from "../../../netboot/flavor/flavor.ts";
import { run } from "../../lab/run.ts";

const begin = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/usr/lib/busybox LC_ALL=C DM_DISABLE_UDEV=1 MDADM_NO_UDEV=1
mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t devtmpfs devtmpfs /dev && mount -t tmpfs tmpfs /run
mkdir -p /run/lock/lvm /run/mdadm /usr/lib/busybox /target
/usr/bin/busybox --install -s /usr/lib/busybox
for module in virtio_pci virtio_blk dm_mod raid1 ext4 xfs; do modprobe -q "$module"; done
fill() {
	tar -C /target -xf /dev/vdb --numeric-owner --xattrs --xattrs-include='*'
}
make() {
	set -eux
`;

const end = `
	sync
}
if (make); then echo "MADE WELL"; fi
poweroff -f
`;

/** Runs shell text in a machine that has `disk` as /dev/vda and `tree` (a tar) as /dev/vdb; `fill` unpacks it in /target. */
export async function makeStackedDisk(options: {
  readonly flavor: FlavorInfo;
  readonly folder: string;
  readonly disk: string;
  readonly tree: string;
  readonly script: string;
}): Promise<void> {
  const { flavor, folder, disk, tree } = options;
  const ramdisk = join(folder, "maker.img");
  const data = Buffer.from(`${begin}${options.script}${end}`);
  const init = encodeCpio([{ kind: "file", path: "make-disk" as RelPath, mode: 0o755, data }]);
  writeFileSync(ramdisk, Buffer.concat([...init, readFileSync(flavor.initrdPath)]));
  const console = join(folder, "maker.log");
  await run([
    ...["qemu-system-x86_64", "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"],
    ...["-machine", "q35,graphics=off", "-accel", "tcg,thread=multi", "-m", "768", "-smp", "2"],
    ...["-cpu", "qemu64,svm=off,+aes,+ssse3,+sse4.1,+sse4.2,+popcnt"],
    ...["-kernel", flavor.kernelPath, "-initrd", ramdisk],
    ...["-append", "console=ttyS0 quiet panic=-1 rdinit=/make-disk", "-serial", `file:${console}`],
    ...["-drive", `if=virtio,format=raw,cache=unsafe,file=${disk}`],
    ...["-drive", `if=virtio,format=raw,readonly=on,file=${tree}`],
  ]);
  const said = existsSync(console) ? readFileSync(console, "latin1") : "";
  if (!said.includes("MADE WELL")) {
    throw new Error(`The disk could not be made:\n${said.slice(-3000)}`);
  }
}
