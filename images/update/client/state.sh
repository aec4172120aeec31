# What the planner of an update wants to know of a node before it is listed. Defines ingot_update_state, which prints sections:
# a line "<0x1E>NAME", then that section's text.
# shellcheck shell=sh

#INGOT-INCLUDE images/remote/client/abilities.sh

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
    find "$ingot_folder/IMAGE_LAST_SYNCED_TO" -maxdepth 0 -printf '%T@\n' ||
        TZ=UTC0 stat -c '%Y %y' "$ingot_folder/IMAGE_LAST_SYNCED_TO" | sed 's/^\(-*[0-9]*\) [^ ]* [0-9:]*\(\.[0-9]*\).*/\1\2/'
    printf '\n\036staging\n'
    [ -e "$1/.ingot-staging" ] && echo left
    printf '\n\036boot-due\n'
    cat "$ingot_folder/BOOT_STEPS_DUE"
    ingot_abilities
    printf '\n\036end\n'
)
