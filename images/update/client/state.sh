# What the planner of an update wants to know of a node before it is listed. Defines ingot_update_state, which prints sections:
# a line "<0x1E>NAME", then that section's text.
# shellcheck shell=sh

# $1: the directory that is brought to a version, "" for /.
ingot_update_state() (
    LC_ALL=C
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    export LC_ALL PATH
    exec 2>/dev/null
    ingot_folder=$1/etc/systemimager

    printf '\n\036uid\n'
    id -u
    printf '\n\036uname\n'
    uname -n
    uname -r
    uname -m
    printf '\n\036mountinfo\n'
    cat /proc/self/mountinfo
    printf '\n\036exclude\n'
    cat "$ingot_folder/updateclient.local.exclude"
    printf '\n\036record\n'
    cat "$ingot_folder/IMAGE_LAST_SYNCED_TO"
    printf '\n\036record-time\n'
    find "$ingot_folder/IMAGE_LAST_SYNCED_TO" -maxdepth 0 -printf '%T@\n'
    printf '\n\036boot-due\n'
    cat "$ingot_folder/BOOT_STEPS_DUE"
    printf '\n\036find\n'
    find / -maxdepth 0 -version
    printf '\n\036tar\n'
    tar --version
    printf '\n\036tar-abilities\n'
    for ingot_word in xattrs acls selinux; do
        if ingot_text=$(tar -c "--$ingot_word" -f - /dev/null 2>&1 >/dev/null); then
            case $ingot_text in
                *"not available"* | *"not supported"* | *nrecognized*) ;;
                *) echo "$ingot_word" ;;
            esac
        fi
    done
    printf '\n\036programs\n'
    for ingot_word in getfattr setfattr sha256sum; do
        command -v "$ingot_word" >/dev/null && echo "$ingot_word"
    done
    cp --help 2>&1 | grep -q -e --attributes-only && echo cp-attributes
    printf '\n\036end\n'
)
