# Receives an update bundle on standard input and carries it out. Defines ingot_receive.
# A bundle is one line "INGOT-BUNDLE 1 BYTES", a tar of that many bytes (the apply script and its lists), and a tar of the new
# content, which the apply script reads from the same standard input.
# shellcheck shell=sh

# Prints process $1's number and start time, which together name one process; nothing if there is none.
ingot_process() {
    [ -r "/proc/$1/stat" ] || return 0
    read -r ingot_stat <"/proc/$1/stat"
    # The program's name, in brackets, may hold blanks; the start time is the 20th word behind it (proc(5)).
    # shellcheck disable=SC2086 # split into words
    set -- "$1" ${ingot_stat##*") "}
    echo "$1 ${21}"
}

# Copies $1 bytes (a multiple of 512) and leaves what follows. Some heads and dds take more than they give.
ingot_take() {
    if [ "$(printf 'abcdef' | { head -c 3 >/dev/null && cat; })" = def ]; then
        head -c "$1"
    elif dd if=/dev/null bs=1 count=1 iflag=fullblock 2>/dev/null; then
        dd bs=512 count="$(($1 / 512))" iflag=fullblock 2>/dev/null
    else
        dd bs=1 count="$1" 2>/dev/null
    fi
}

# Removes the tree $1, and nothing that is mounted in it.
ingot_remove() {
    rm -rf --one-file-system "$1" 2>/dev/null && return
    if [ -e "$1" ] && grep -q '/\.ingot-staging/' /proc/mounts; then
        echo "ingot: something is mounted in $(pwd)/$1" >&2
        return 1
    fi
    rm -rf "$1"
}

# $1: the directory that is brought to a version.
ingot_receive() {
    umask 077
    cd "$1" || return 1
    # A directory of that name is left from a run that was cut off; one that a living run uses is left alone.
    ingot_owner=$(cat .ingot-staging/pid 2>/dev/null)
    if [ -n "$ingot_owner" ] && [ "$(ingot_process "${ingot_owner%% *}")" = "$ingot_owner" ]; then
        echo "ingot: another update is running here (process ${ingot_owner%% *})" >&2
        return 75
    fi
    ingot_remove .ingot-staging && mkdir .ingot-staging .ingot-staging/control || return 1
    ingot_process $$ >.ingot-staging/pid
    IFS=' ' read -r ingot_magic ingot_version ingot_size || ingot_magic=
    if [ "$ingot_magic $ingot_version" != "INGOT-BUNDLE 1" ]; then
        echo "ingot: the server sent no update bundle" >&2
        return 1
    fi
    ingot_take "$ingot_size" | tar -x -f - -C .ingot-staging/control || return 1
    if [ "$(pwd)" = / ]; then
        # A place for copies of the tools that the update may replace.
        ingot_kit=$(mktemp -d /run/ingot-kit.XXXXXX 2>/dev/null || mktemp -d)
        INGOT_LIVE=1 INGOT_KIT=$ingot_kit sh .ingot-staging/control/apply.sh
        ingot_code=$?
        rmdir "$ingot_kit"
        return "$ingot_code"
    fi
    sh .ingot-staging/control/apply.sh
}
