# Part of apply.sh, whose variable control it uses.
# shellcheck shell=sh disable=SC2154

# ---- boot files

# THING PROGRAM WORD…: runs it on the machine's own tree and says how it went.
boot_program() {
    thing=$1
    shift
    if "$@" >"$control/said" 2>&1; then
        echo "note $thing: made anew by $1"
        return 0
    fi
    echo "ingot: $1 failed, check $thing before the next reboot: $(tail -n 1 "$control/said")" >&2
    return 1
}

# Makes anew what stands in the list $1, with the machine's own programs. Those that fail stay on the list.
boot_steps() {
    failed=0
    : >"$1.failed"
    while IFS= read -r step; do
        echo "phase $step"
        case $step in
            initramfs)
                if command -v update-initramfs >/dev/null; then
                    boot_program "the initramfs" update-initramfs -u -k all
                elif command -v dracut >/dev/null; then
                    boot_program "the initramfs" dracut --regenerate-all --force
                elif command -v mkinitcpio >/dev/null; then
                    boot_program "the initramfs" mkinitcpio -P
                else
                    echo "note no program that makes an initramfs was found"
                fi
                ;;
            boot-loader)
                if command -v update-grub >/dev/null; then
                    boot_program "the boot menu" update-grub
                elif command -v grub2-mkconfig >/dev/null && [ -d /boot/grub2 ]; then
                    boot_program "the boot menu" grub2-mkconfig -o /boot/grub2/grub.cfg
                elif command -v grub-mkconfig >/dev/null && [ -d /boot/grub ]; then
                    boot_program "the boot menu" grub-mkconfig -o /boot/grub/grub.cfg
                else
                    echo "note no program that makes a boot menu was found"
                fi
                ;;
        esac || {
            echo "$step" >>"$1.failed"
            failed=1
        }
    done <"$1"
    if [ "$failed" = 0 ]; then
        rm -f "$1" "$1.failed"
    else
        mv -f "$1.failed" "$1"
    fi
    return "$failed"
}
