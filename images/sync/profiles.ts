/**
 * The exclude profiles that come with Ingot: data, each line with its reason. A capture leaves out only what can never be part
 * of an image (`pseudo`): the rest is needed to restore the same machine. An update protects what belongs to the machine.
 */
import type { ResolvedRule } from "./actions.ts";

export const profileNames = ["hardware", "identity", "puppet", "volatile", "pseudo"] as const;
export type ProfileName = (typeof profileNames)[number];

/** The profiles an operation uses unless told otherwise. */
export const defaultProfiles: {
  readonly capture: readonly ProfileName[];
  readonly update: readonly ProfileName[];
} = { capture: ["pseudo"], update: ["pseudo", "volatile", "identity", "hardware", "puppet"] };

/** The rules of a profile; their origin is `profile:NAME`. */
export function profileRules(name: ProfileName): readonly ResolvedRule[] {
  return profiles[name].map(([text, reason]) => ({ text, origin: `profile:${name}`, reason }));
}

type ProfileLine = readonly [rule: string, reason: string];

const pseudo: readonly ProfileLine[] = [
  ["- /proc/*", "the kernel's process filesystem"],
  ["- /sys/*", "the kernel's device filesystem"],
  ["- /dev/*", "made by the kernel (devtmpfs) at each boot"],
  ["- /run/*", "run-time state, empty at each boot"],
  ["- /selinux/*", "the kernel's SELinux filesystem of older systems"],
  ["- /var/run/*", "run-time state, where it is not a link to /run"],
  ["- /var/lock/*", "locks of running programs, where it is not a link to /run"],
  ["- /lib/klibc/events/*", "run-time state of klibc"],
  ["- /tmp/*", "temporary files"],
  ["- /var/tmp/*", "temporary files"],
  ["- /media/*", "mount points of removable media"],
  ["- /mnt/*", "temporary mount points"],
  ["- /cdrom/*", "mount point of removable media"],
  ["- /floppy/*", "mount point of removable media"],
  ["- lost+found", "made by mkfs, filled by fsck: belongs to one filesystem"],
  ["- .journal", "the journal of an ext3 filesystem that was converted while mounted"],
  ["- .nfs????????????????????????", "a deleted file that an NFS client holds open"],
  ["- /swapfile", "swap space holds memory of the running system"],
  ["- /swap.img", "swap space holds memory of the running system"],
  ["- /var/lib/lxcfs/*", "a FUSE filesystem of the running system"],
  ["- /var/lib/nfs/rpc_pipefs/*", "a kernel filesystem"],
];

const volatile: readonly ProfileLine[] = [
  ["- /home/*", "users' files"],
  ["- /var/log/*", "the machine's own logs"],
  ["- /var/spool/*", "queued mail, print and cron jobs of the machine"],
  ["- /var/mail/*", "users' mail"],
  ["- /var/crash/*", "crash dumps of the machine"],
  ["- /var/lib/systemd/coredump/*", "core dumps of the machine"],
  ["- /var/lib/systemd/timers/*", "when timers last ran on the machine"],
  ["- /var/lib/systemd/timesync/*", "the machine's clock state"],
  ["- /var/lib/systemd/rfkill/*", "switches of the machine's radios"],
  ["- /var/lib/systemd/backlight/*", "state of the machine's screens"],
  ["- /etc/mtab", "what is mounted, where it is not a link into /proc"],
  ["- /etc/adjtime", "drift of the machine's hardware clock"],
  ["- /var/lib/ntp/ntp.drift", "drift of the machine's clock"],
  ["- /var/lib/ntp/drift", "drift of the machine's clock"],
  ["- /var/lib/ntpsec/ntp.drift", "drift of the machine's clock"],
  ["- /var/lib/chrony/*", "drift of the machine's clock"],
  ["- /var/lib/locate/locatedb", "an index of the machine's files"],
  ["- /var/lib/mlocate/mlocate.db", "an index of the machine's files"],
  ["- /var/lib/plocate/plocate.db", "an index of the machine's files"],
  ["- /var/lib/logrotate/*", "when the machine's logs were rotated"],
  ["- /var/lib/logrotate.status", "when the machine's logs were rotated"],
  ["- /var/lib/sudo/lectured/*", "users' state"],
  ["+ /var/lib/nfs/statd/sm", "rpc.statd needs the folder"],
  ["+ /var/lib/nfs/statd/sm.bak", "rpc.statd needs the folder"],
  ["- /var/lib/nfs/state", "NFS lock state of the machine"],
  ["- /var/lib/nfs/*tab", "NFS exports and mounts in use"],
  ["- /var/lib/nfs/*/*", "NFS state of the machine"],
];

const identity: readonly ProfileLine[] = [
  ["- /etc/hostname", "the machine's name"],
  ["- /etc/HOSTNAME", "the machine's name (SUSE)"],
  ["- /etc/mailname", "the machine's name for mail"],
  ["- /etc/hosts", "holds the machine's own name and address"],
  ["- /etc/machine-id", "must differ on every machine"],
  ["- /var/lib/dbus/machine-id", "must differ on every machine"],
  ["- /etc/machine-info", "what the machine is called and where it stands"],
  ["- /etc/ssh/ssh_host_*", "the machine's SSH host keys"],
  ["- /etc/dropbear/dropbear_*_host_key", "the machine's SSH host keys"],
  ["- /etc/network/interfaces", "the machine's network (Debian)"],
  ["- /etc/network/interfaces.d/*", "the machine's network (Debian)"],
  ["- /etc/netplan/*", "the machine's network (Ubuntu)"],
  ["- /etc/systemd/network/*", "the machine's network (systemd-networkd)"],
  ["- /etc/NetworkManager/system-connections/*", "the machine's network (NetworkManager)"],
  ["- /etc/sysconfig/network-scripts/ifcfg-*", "the machine's network (Red Hat)"],
  ["- /etc/sysconfig/network-scripts/route-*", "the machine's network (Red Hat)"],
  ["- /etc/sysconfig/network-scripts/rule-*", "the machine's network (Red Hat)"],
  ["- /etc/sysconfig/network", "the machine's network (a file on Red Hat, a folder on SUSE)"],
  ["- /etc/resolv.conf", "name servers of the machine's network"],
  ["- /var/lib/dhcp/*", "DHCP leases and identifiers"],
  ["- /var/lib/dhcp3/*", "DHCP leases and identifiers"],
  ["- /var/lib/dhclient/*", "DHCP leases and identifiers"],
  ["- /var/lib/dhcpcd/*", "DHCP leases and identifiers"],
  ["- /var/lib/wicked/*", "DHCP leases and identifiers (SUSE)"],
  ["- /var/lib/NetworkManager/*", "DHCP leases, secret key and seen networks"],
  ["- /var/lib/systemd/random-seed", "entropy must not be shared"],
  ["- /var/lib/urandom/random-seed", "entropy must not be shared"],
  ["- /var/lib/random-seed", "entropy must not be shared"],
  ["- /boot/efi/loader/random-seed", "entropy must not be shared"],
  ["- /boot/loader/random-seed", "entropy must not be shared"],
  ["- /var/lib/systemd/credential.secret", "the machine's secret"],
  ["- /etc/kernel/entry-token", "names the machine's boot entries"],
  ["- /etc/krb5.keytab", "the machine's Kerberos keys"],
  ["- /etc/ipa/*", "the machine's directory enrolment"],
  ["- /var/lib/ipa-client/*", "the machine's directory enrolment"],
  ["- /var/lib/sss/db/*", "the machine's directory cache"],
  ["- /var/lib/samba/private/*", "the machine's domain secrets"],
  ["- /etc/pki/consumer/*", "the machine's subscription"],
  ["- /etc/pki/entitlement/*", "the machine's subscription"],
  ["- /etc/sysconfig/rhn/systemid", "the machine's subscription"],
  ["- /etc/sysconfig/rhn/osad-auth.conf", "the machine's subscription"],
  ["- /var/lib/yum/uuid", "identifies the machine to mirrors"],
  ["- /var/lib/cloud/*", "what cloud-init did on the machine"],
  ["- /etc/nvme/hostnqn", "the machine's NVMe over Fabrics name"],
  ["- /etc/nvme/hostid", "the machine's NVMe over Fabrics name"],
  ["- /etc/iscsi/initiatorname.iscsi", "the machine's iSCSI name"],
  ["- /etc/systemimager/IMAGE_LAST_SYNCED_TO", "what the machine was last updated to"],
];

const hardware: readonly ProfileLine[] = [
  ["- /etc/fstab", "names the machine's filesystems"],
  ["- /etc/crypttab", "names the machine's encrypted devices"],
  ["- /etc/mdadm.conf", "names the machine's arrays"],
  ["- /etc/mdadm/mdadm.conf", "names the machine's arrays"],
  ["- /etc/lvm/.cache", "the machine's LVM devices"],
  ["- /etc/lvm/cache/*", "the machine's LVM devices"],
  ["- /etc/lvm/archive/*", "the machine's LVM metadata"],
  ["- /etc/lvm/backup/*", "the machine's LVM metadata"],
  ["- /etc/lvm/devices/*", "the machine's LVM devices"],
  ["- /etc/multipath/*", "the machine's multipath devices"],
  ["- /etc/blkid.tab*", "the machine's devices"],
  ["- /etc/blkid/*", "the machine's devices"],
  ["- /etc/iftab", "names network cards by address"],
  ["- /etc/udev/rules.d/70-persistent-net.rules", "names network cards by address"],
  ["- /etc/udev/rules.d/75-persistent-net-generator.rules", "names network cards by address"],
  ["- /etc/udev/rules.d/z25_persistent-net.rules", "names network cards by address"],
  ["- /etc/udev/rules.d/z45_persistent-net-generator.rules", "names network cards by address"],
  ["- /etc/udev/rules.d/70-persistent-cd.rules", "names drives by their place"],
  ["- /etc/modprobe.conf", "drivers of the machine's cards"],
  ["- /etc/modules.conf", "drivers of the machine's cards"],
  ["- /etc/X11/xorg.conf", "the machine's graphics card"],
  ["- /etc/initramfs-tools/conf.d/resume", "names the machine's swap device"],
  ["- /etc/default/grub_installdevice", "the disk that holds the boot loader (SUSE)"],
  ["- /boot/grub/device.map", "the machine's disks"],
  ["- /boot/grub2/device.map", "the machine's disks"],
  ["- /boot/grub/grub.cfg", "names the root filesystem; made again on the machine"],
  ["- /boot/grub2/grub.cfg", "names the root filesystem; made again on the machine"],
  ["- /boot/grub/grubenv", "the machine's boot choices"],
  ["- /boot/grub2/grubenv", "the machine's boot choices"],
  ["- /boot/grub/i386-pc/", "boot loader modules must fit what is in the boot sector"],
  ["- /boot/grub2/i386-pc/", "boot loader modules must fit what is in the boot sector"],
  ["- /boot/efi/EFI/*/grub.cfg", "names the root filesystem"],
  ["- /boot/loader/entries/*", "kernel command lines with the machine's devices"],
  ["- /boot/efi/loader/entries/*", "kernel command lines with the machine's devices"],
  ["- /etc/kernel/cmdline", "kernel command line with the machine's devices"],
];

const puppet: readonly ProfileLine[] = [
  ["- /etc/puppet/ssl/", "the agent's certificate and keys"],
  ["- /etc/puppetlabs/puppet/ssl/", "the agent's certificate and keys"],
  ["- /etc/puppetlabs/puppet/csr_attributes.yaml", "what the agent's certificate is to say"],
  ["- /etc/puppetlabs/mcollective/*", "the machine's facts and keys"],
  ["- /var/lib/puppet/*", "the agent's state, catalogue and file backups"],
  ["- /var/cache/puppet/*", "the agent's catalogue and file backups"],
  ["- /opt/puppetlabs/puppet/cache/*", "the agent's state, catalogue and file backups"],
  ["- /opt/puppetlabs/facter/facts.d/*", "facts about the machine"],
  ["- /etc/puppetlabs/facter/facts.d/*", "facts about the machine"],
  ["- /etc/facter/facts.d/*", "facts about the machine"],
];

const profiles: Readonly<Record<ProfileName, readonly ProfileLine[]>> = {
  hardware,
  identity,
  puppet,
  volatile,
  pseudo,
};
