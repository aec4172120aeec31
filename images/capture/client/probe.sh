# What Ingot wants to know of a machine before it captures it. Defines ingot_probe, which changes nothing and prints sections:
# a line "<0x1E>NAME", then that section's text. A tool that is missing leaves its section empty.
# shellcheck shell=sh

#INGOT-INCLUDE images/remote/client/abilities.sh

ingot_section() {
    printf '\n\036%s\n' "$1"
}

# The whole disks: all block devices of sysfs but loop, ram, optical and floppy drives. "!" in sysfs is "/" in /dev.
ingot_disks() {
    for ingot_dir in /sys/block/*; do
        [ -e "$ingot_dir/size" ] || continue
        case ${ingot_dir##*/} in
            loop* | ram* | zram* | sr* | scd* | fd* | dm-* | nbd*) continue ;;
        esac
        echo "${ingot_dir##*/}"
    done
}

ingot_value() {
    ingot_text=
    [ -r "$2" ] && IFS= read -r ingot_text <"$2"
    printf '%s=%s\n' "$1" "$ingot_text"
}

# In a subshell, so that the caller keeps its environment and its standard error.
ingot_probe() (
    LC_ALL=C
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    export LC_ALL PATH
    exec 2>/dev/null

    ingot_section uid
    id -u
    ingot_section uname
    uname -n
    uname -r
    uname -m
    ingot_section os-release
    cat /etc/os-release || cat /usr/lib/os-release
    ingot_section release-file
    cat /etc/redhat-release || cat /etc/SuSE-release || sed 's/^/Debian /' /etc/debian_version
    ingot_section mountinfo
    cat /proc/self/mountinfo
    ingot_section swaps
    cat /proc/swaps
    ingot_section fstab
    cat /etc/fstab
    ingot_section cmdline
    cat /proc/cmdline
    ingot_section firmware
    [ -d /sys/firmware/efi ] && echo uefi

    # -l: a dead NFS server must not hang the probe. Old df has no -l with -P, hence the second try.
    ingot_section df
    df -P -k -l || df -P -k
    ingot_section df-inodes
    df -P -i -l || df -P -i

    ingot_section sysfs
    for ingot_disk in $(ingot_disks); do
        ingot_dir=/sys/block/$ingot_disk
        echo "disk=$ingot_disk"
        ingot_value size "$ingot_dir/size"
        ingot_value ro "$ingot_dir/ro"
        ingot_value removable "$ingot_dir/removable"
        ingot_value rotational "$ingot_dir/queue/rotational"
        ingot_value logical "$ingot_dir/queue/logical_block_size"
        ingot_value physical "$ingot_dir/queue/physical_block_size"
        ingot_value model "$ingot_dir/device/model"
        ingot_value serial "$ingot_dir/device/serial"
        ingot_value wwid "$ingot_dir/device/wwid"
        for ingot_part in "$ingot_dir"/*/partition; do
            [ -e "$ingot_part" ] || continue
            ingot_part=${ingot_part%/partition}
            echo "partition=${ingot_part##*/}"
            ingot_value number "$ingot_part/partition"
            ingot_value start "$ingot_part/start"
            ingot_value size "$ingot_part/size"
        done
    done

    # Columns that an old lsblk does not know make it fail as a whole, so the second try asks for less.
    ingot_section lsblk
    lsblk --json --bytes -o NAME,PATH,TYPE,SIZE,MODEL,SERIAL,WWN,TRAN,FSTYPE,UUID,LABEL,MOUNTPOINT ||
        lsblk --json --bytes -o NAME,TYPE,SIZE,MODEL,SERIAL,WWN,TRAN,FSTYPE,UUID,LABEL,MOUNTPOINT
    ingot_section blkid
    blkid -o export
    for ingot_disk in $(ingot_disks); do
        ingot_device=/dev/$(echo "$ingot_disk" | tr '!' /)
        ingot_section "sfdisk $ingot_device"
        sfdisk --dump "$ingot_device" || sfdisk -d "$ingot_device"
        ingot_section "boot-code $ingot_device"
        dd if="$ingot_device" bs=440 count=1 | od -An -v -tx1
    done

    # Arrays, from sysfs: a client with arrays may still lack mdadm.
    ingot_section md
    for ingot_dir in /sys/block/md*; do
        [ -e "$ingot_dir/md/level" ] || continue
        echo "array=${ingot_dir##*/}"
        ingot_value level "$ingot_dir/md/level"
        ingot_value disks "$ingot_dir/md/raid_disks"
        ingot_value chunk "$ingot_dir/md/chunk_size"
        ingot_value layout "$ingot_dir/md/layout"
        ingot_value metadata "$ingot_dir/md/metadata_version"
        for ingot_part in "$ingot_dir"/md/dev-*; do
            [ -e "$ingot_part/slot" ] || continue
            echo "member=${ingot_part##*/dev-}"
            ingot_value slot "$ingot_part/slot"
        done
    done
    ingot_section vgs
    vgs --noheadings --separator '|' --units b --nosuffix -o vg_name,vg_extent_size,vg_size,vg_free
    ingot_section pvs
    pvs --noheadings --separator '|' --units b --nosuffix -o pv_name,vg_name
    ingot_section lvs
    lvs --noheadings --separator '|' --units b --nosuffix -o vg_name,lv_name,lv_size,segtype
    # Unlocked encrypted volumes, and the devices they lie on.
    ingot_section crypt
    for ingot_dir in /sys/block/dm-*; do
        ingot_text=
        [ -r "$ingot_dir/dm/uuid" ] && IFS= read -r ingot_text <"$ingot_dir/dm/uuid"
        case $ingot_text in
            CRYPT-*)
                for ingot_part in "$ingot_dir"/slaves/*; do
                    ingot_word=${ingot_part##*/}
                    [ -r "$ingot_part/dm/name" ] && ingot_word=mapper/$(cat "$ingot_part/dm/name")
                    echo "$(cat "$ingot_dir/dm/name")|$ingot_word"
                done
                ;;
        esac
    done

    ingot_section boot-files
    for ingot_file in /boot/grub/grub.cfg /boot/grub2/grub.cfg /boot/grub/menu.lst /boot/grub/grub.conf /etc/lilo.conf \
        /boot/extlinux/extlinux.conf /boot/syslinux/extlinux.conf /boot/loader/loader.conf /boot/efi/loader/loader.conf \
        /efi/loader/loader.conf; do
        [ -e "$ingot_file" ] && echo "$ingot_file"
    done

    ingot_abilities
    ingot_section end
)
