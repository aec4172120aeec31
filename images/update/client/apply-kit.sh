# Part of apply.sh, whose variable control it uses.
# shellcheck shell=sh disable=SC2154

# ---- the kit: the tools that this script needs, with their libraries, in a memory filesystem in a mount namespace of its own. The
# script runs in there, with the machine's tree at /node, and so does not depend on what it replaces.

kit_tools="sh xargs tar mv rm rmdir mkdir ln chmod chown touch sync stat mktemp find cat cp dd head sha256sum tail chroot"

# Used where the plan asks for them, which it does where the machine has them.
kit_extras="b2sum perl lsattr chattr getfattr setfattr sed grep df readlink"

kit_file() {
    [ -e "$INGOT_KIT$1" ] && return
    mkdir -p "$INGOT_KIT${1%/*}" && cp -L -p "$1" "$INGOT_KIT$1"
}

kit_tool() {
    tool=$(command -v "$1") && tool=$(readlink -f "$tool") || return
    kit_file "$tool" && ln -s "$tool" "$INGOT_KIT/ingot-bin/$1" || return
    # Lines are "NAME => PATH (ADDRESS)" and "PATH (ADDRESS)"; a program without libraries has none. The loader is asked itself:
    # ldd is lost where an update was cut off between two C libraries. Loaders other than glibc's know only ldd.
    {
        LD_TRACE_LOADED_OBJECTS=1 "$tool" --version </dev/null 2>/dev/null
        ldd "$tool" 2>/dev/null
    } | sed -n 's,^.*[[:space:]]\(/[^ ]*\) (0x.*,\1,p' >"$control/libraries"
    while read -r library; do
        kit_file "$library" || return
    done <"$control/libraries"
}

# In the namespace: fills the kit and goes on in it.
enter_kit() {
    mount --make-rprivate / && mount -t tmpfs -o mode=700 ingot-kit "$INGOT_KIT" || return
    mkdir "$INGOT_KIT/ingot-bin" "$INGOT_KIT/node" "$INGOT_KIT/dev" "$INGOT_KIT/tmp" || return
    for name in $kit_tools; do
        kit_tool "$name" || return
    done
    for name in $kit_extras; do
        ! command -v "$name" >/dev/null || kit_tool "$name" || return
    done
    mount --rbind /dev "$INGOT_KIT/dev" && mount --rbind / "$INGOT_KIT/node" || return
    chroot "$INGOT_KIT" /ingot-bin/sh -c true || return
    exec chroot "$INGOT_KIT" /ingot-bin/sh -c 'INGOT_IN_KIT=1 PATH=/ingot-bin
        export INGOT_IN_KIT PATH
        cd /node && exec sh ./.ingot-staging/control/apply.sh'
}
