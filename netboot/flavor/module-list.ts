/**
 * Kernel modules of the install ramdisk, as patterns on paths below `kernel/` without `.ko`: whatever a server or a virtual
 * machine needs to reach its disks, its network and its keyboard. Dependencies come by themselves. A pattern that finds
 * nothing is no error (drivers get built in, merged, dropped), it is listed in the flavor's description.
 */
function below(folder: string, names: string): readonly string[] {
  return names.split(" ").map((name) => `${folder}/${name}`);
}

/** What virtual machines need; enough for kernels made for clouds. */
export const virtualModules: readonly string[] = [
  ...below("drivers/block", "virtio_blk xen-blkfront loop"),
  ...below("drivers/virtio", "virtio_pci virtio_mmio virtio_balloon virtio_mem"),
  ...below("drivers/net", "virtio_net net_failover xen-netfront vmxnet3/vmxnet3 hyperv/hv_netvsc"),
  ...below(
    "drivers/net/ethernet",
    "amazon/ena/ena google/gve/gve microsoft/mana/mana intel/e1000/e1000 realtek/8139cp",
  ),
  ...below("drivers/scsi", "sd_mod sr_mod sg virtio_scsi vmw_pvscsi xen-scsifront hv_storvsc"),
  ...below("drivers/hv", "hv_vmbus hv_utils"),
  ...below("drivers/input", "serio/hyperv-keyboard evdev"),
  ...below("drivers/char", "hw_random/virtio-rng virtio_console"),
  ...below("drivers/ata", "ahci ata_piix ata_generic"),
  ...below("drivers/nvme/host", "nvme"),
  ...below("drivers/firmware", "qemu_fw_cfg"),
  ...below(
    "fs",
    "ext4/ext4 xfs/xfs btrfs/btrfs f2fs/f2fs fat/vfat isofs/isofs squashfs/squashfs overlayfs/overlay efivarfs/efivarfs",
  ),
  ...below("fs/nls", "nls_ascii nls_cp437 nls_iso8859-1 nls_utf8"),
  ...below(
    "drivers/md",
    "dm-mod dm-crypt dm-mirror dm-raid dm-snapshot dm-thin-pool dm-multipath dm-round-robin",
  ),
  ...below("drivers/md", "dm-service-time linear raid0 raid1 raid10 raid456 bcache/bcache"),
  ...below(
    "crypto",
    "algif_skcipher crc32c_generic crct10dif_generic crc64_rocksoft_generic xxhash_generic blake2b_generic xts",
  ),
  ...below("arch/*/crypto", "crc32c-intel crct10dif-pclmul crc32-pclmul aesni-intel"),
  "net/packet/af_packet",
  "net/8021q/8021q",
  "drivers/net/bonding/bonding",
];

/** What physical servers need besides. */
export const serverModules: readonly string[] = [
  ...below(
    "drivers/ata",
    "acard-ahci pata_amd pata_atiixp pata_jmicron pata_marvell pata_via pata_sis pata_serverworks",
  ),
  ...below("drivers/ata", "sata_mv sata_nv sata_promise sata_sil sata_sil24 sata_sis sata_svw sata_via"),
  ...below(
    "drivers/scsi",
    "3w-9xxx 3w-sas 3w-xxxx aacraid/aacraid aic7xxx/aic79xx aic7xxx/aic7xxx aic94xx/aic94xx",
  ),
  ...below("drivers/scsi", "arcmsr/arcmsr hpsa hptiop ips ipr isci/isci megaraid megaraid/megaraid_mbox"),
  ...below(
    "drivers/scsi",
    "megaraid/megaraid_sas mpi3mr/mpi3mr mpt3sas/mpt3sas mvsas/mvsas mvumi pm8001/pm80xx pmcraid",
  ),
  ...below(
    "drivers/scsi",
    "smartpqi/smartpqi stex sym53c8xx_2/sym53c8xx BusLogic lpfc/lpfc qla2xxx/qla2xxx bfa/bfa",
  ),
  ...below("drivers/scsi/device_handler", "scsi_dh_alua scsi_dh_emc scsi_dh_rdac"),
  ...below("drivers/message/fusion", "mptfc mptsas mptspi"),
  ...below("drivers/block", "mtip32xx/mtip32xx"),
  ...below("drivers/pci/controller", "vmd"),
  ...below("drivers/mmc", "core/mmc_block host/sdhci-acpi host/sdhci-pci"),
  ...below(
    "drivers/usb",
    "host/ehci-pci host/ohci-pci host/uhci-hcd host/xhci-pci storage/uas storage/usb-storage",
  ),
  ...below("drivers/net/usb", "cdc_ether cdc_ncm r8152 ax88179_178a asix"),
  ...below("drivers/hid", "hid-generic usbhid/usbhid hid-hyperv"),
  ...below("drivers/input", "keyboard/atkbd serio/i8042 mouse/psmouse"),
  ...below("drivers/char/ipmi", "ipmi_si ipmi_devintf"),
  ...below(
    "drivers/net/ethernet/intel",
    "e100 e1000e/e1000e i40e/i40e iavf/iavf ice/ice igb/igb igbvf/igbvf igc/igc",
  ),
  ...below("drivers/net/ethernet/intel", "ixgb/ixgb ixgbe/ixgbe ixgbevf/ixgbevf"),
  ...below("drivers/net/ethernet/broadcom", "b44 bnx2 bnx2x/bnx2x bnxt/bnxt_en tg3"),
  ...below(
    "drivers/net/ethernet",
    "3com/3c59x amd/pcnet32 amd/xgbe/amd-xgbe aquantia/atlantic/atlantic atheros/*/*",
  ),
  ...below("drivers/net/ethernet", "brocade/bna/bna chelsio/cxgb3/cxgb3 chelsio/cxgb4/cxgb4 cisco/enic/enic"),
  ...below("drivers/net/ethernet", "emulex/benet/be2net huawei/hinic/hinic marvell/sky2 marvell/skge"),
  ...below(
    "drivers/net/ethernet",
    "mellanox/mlx4/mlx4_en mellanox/mlx5/core/mlx5_core myricom/myri10ge/myri10ge",
  ),
  ...below(
    "drivers/net/ethernet",
    "nvidia/forcedeth qlogic/netxen/netxen_nic qlogic/qede/qede qlogic/qlcnic/qlcnic",
  ),
  ...below("drivers/net/ethernet", "realtek/8139too realtek/r8169 sfc/sfc via/via-rhine via/via-velocity"),
  ...below("drivers/net/phy", "broadcom bcm87xx marvell realtek micrel smsc at803x"),
  ...below("drivers/net/phy", "aquantia marvell10g"),
];

/** What servers with ARM processors need besides. */
export const armModules: readonly string[] = [
  ...below("drivers/ata", "ahci_platform ahci_seattle ahci_xgene"),
  ...below("drivers/scsi/hisi_sas", "hisi_sas_v2_hw hisi_sas_v3_hw"),
  ...below(
    "drivers/net/ethernet",
    "apm/*/* broadcom/genet/genet cadence/macb cavium/thunder/* hisilicon/*/* marvell/mvneta marvell/mvpp2/mvpp2",
  ),
  ...below("drivers/net/ethernet", "socionext/netsec qualcomm/emac/qcom-emac freescale/enetc/fsl-enetc"),
  ...below("drivers/net/mdio", "mdio-thunder mdio-xgene"),
  ...below("drivers/mmc/host", "bcm2835 sdhci-iproc sdhci-of-arasan"),
  ...below("drivers/usb/host", "ehci-platform ohci-platform xhci-plat-hcd"),
  ...below("arch/arm64/crypto", "aes-ce-blk crct10dif-ce sha2-ce"),
];
