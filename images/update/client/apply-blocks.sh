# Part of apply.sh, whose variables staging and control and whose fail() it uses: large files out of their changed blocks.
# shellcheck shell=sh disable=SC2154

# MOUNT PATH BASE "BLOCK SIZE PROGRAM PROOF x|-" "FIRST+COUNT …" SEEN …: what was unpacked at PATH are those blocks of it, one after the
# other, with the file's owner, mode, time and attributes. The others are in BASE, as it stands: where it is not what was SEEN when its
# blocks were digested, the whole is checked.
patch_files() {
    while [ $# -ge 6 ]; do
        part=$1/.ingot-staging/part
        new=$staging/new/$2
        # shellcheck disable=SC2086 # five words
        patch_file "$3" $4 "$5" "$6" || fail "cannot make $2 of its blocks; nothing was changed"
        mv -f "$part" "$new" || fail "cannot stage $2: nothing was changed"
        shift 6
    done
}

patch_file() {
    base=$1 block=$2 size=$3 program=$4 proof=$5 attributes=$6 seen=$8 from=0 steady=
    [ -f "$base" ] && [ ! -L "$base" ] || return
    ! is_steady || steady=1
    cp --reflink=auto "$base" "$part" 2>/dev/null || cp "$base" "$part" || return
    for run in $7; do
        first=${run%+*} count=${run#*+}
        dd if="$new" of="$part" bs="$block" skip="$from" seek="$first" count="$count" conv=notrunc 2>/dev/null || return
        from=$((from + count))
    done
    dd if=/dev/null of="$part" bs=1 seek="$size" count=0 2>/dev/null || return
    if [ -z "$steady" ] || ! is_steady; then
        check_blocks || return
    fi
    cp --attributes-only --preserve=all "$new" "$part" || return
    [ "$attributes" = - ] || [ "$(show_attributes "$new")" = "$(show_attributes "$part")" ]
}

# Whether $base has not changed since it was $seen. A shared mapping can change a file before its time tells.
is_steady() {
    [ "$(find "$base" -maxdepth 0 -printf '%D:%i %C@ %s' 2>/dev/null)" = "$seen" ] || return
    inode=${seen%% *}
    if [ -r /proc/self/maps ]; then processes=/proc; else processes=./proc; fi
    [ -r "$processes/1/maps" ] && ! cat "$processes"/[0-9]*/maps 2>/dev/null | grep -q "^[^ ]* .w.s [^ ]* [^ ]* ${inode#*:} "
}

# Whether all blocks of $part are what they should be.
check_blocks() {
    blocks=$(((size + block - 1) / block))
    digest_blocks 0 $((blocks / 2)) >"$control/digests.1" &
    digest_blocks $((blocks / 2)) "$blocks" >"$control/digests.2"
    wait
    [ "$(cat "$control/digests.1" "$control/digests.2" | sha256sum)" = "$proof  -" ] || {
        echo "ingot: $base changed while the update was made; run it again" >&2
        return 1
    }
}

# Digests of the blocks $1 up to $2 of $part, by $program.
digest_blocks() {
    at=$1
    while [ "$at" -lt "$2" ]; do
        found=$(dd if="$part" bs=262144 skip=$((at * block / 262144)) count=$((block / 262144)) 2>/dev/null | "$program") || return
        echo "${found%% *}"
        at=$((at + 1))
    done
}

show_attributes() {
    getfattr --absolute-names -h -d -m - -e hex "$1" | sed 1d
}
