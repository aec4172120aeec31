#!/bin/sh
# Brings the tree below the working directory to a version of an image. Lies with its lists in .ingot-staging/control, where
# the bundle was unpacked; the new content comes as a tar on standard input.
#
#   1. check     every filesystem that will be written to can be written to and has room
#   2. stage     new content is unpacked into .ingot-staging of the filesystem that it belongs on, and synced
#   3. rename    it is renamed over what stands there: at any instant a file is the old one or the new one
#   4. metadata  owners, modes, times; new directories; deletions; boot files made anew
#
# Where the machine's own tools may be replaced, all that runs from copies of them (see "the kit").
#
# Up to step 3 nothing but .ingot-staging has changed. Cut off in step 3 or 4, every file is whole, and a new run plans and
# does the rest. Lists are NUL-ended and hold paths relative to the working directory, all starting with "./".
set -u
LC_ALL=C
[ "${INGOT_IN_KIT:-}" ] || PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
umask 077

staging=./.ingot-staging
control=$staging/control
lists=$control/lists
self=$control/apply.sh

fail() {
    echo "ingot: $*" >&2
    exit 1
}

# Runs this script's action $1 with the entries of list $2 as arguments, at most $3 at a time (so that pairs stay together).
each() {
    if [ -s "$lists/$2" ]; then
        xargs -0 -x -n "$3" sh "$self" "$1" <"$lists/$2"
    fi
}

# Runs the command "$2 $3 …" with the entries of list $1 as further arguments.
run_list() {
    list=$1
    shift
    if [ -s "$lists/$list" ]; then
        xargs -0 "$@" <"$lists/$list"
    fi
}

#INGOT-INCLUDE images/update/client/apply-tools.sh

# ---- actions that `each` calls

# MOUNT KIB …: makes the staging folder of each filesystem, if it may be written to and has that much room.
prepare_mounts() {
    while [ $# -ge 2 ]; do
        if [ "$1" != . ]; then
            remove_tree "$1/.ingot-staging"
            mkdir "$1/.ingot-staging" || fail "cannot write to $1: nothing was changed"
        fi
        mkdir "$1/.ingot-staging/new" "$1/.ingot-staging/old" || fail "cannot write to $1: nothing was changed"
        free=$(free_space "$1")
        [ "$free" -ge "$2" ] || fail "no space on $1: $2 KiB are needed, $free KiB are free; nothing was changed"
        shift 2
    done
}

# MOUNT …: in the root's staging tree, the place of each other filesystem is a link to its own staging tree. Parents come first.
link_mounts() {
    for mount; do
        [ "$mount" = . ] && continue
        mkdir -p "$staging/new/${mount%/*}" || fail "cannot prepare $mount"
        ln -s "$(pwd)/${mount#./}/.ingot-staging/new" "$staging/new/$mount" || fail "cannot prepare $mount"
    done
}

#INGOT-INCLUDE images/update/client/apply-blocks.sh

# NAME PATH …: takes attributes away that the image does not have.
strip_attributes() {
    result=0
    while [ $# -ge 2 ]; do
        setfattr -h -x "$1" "$2" || result=1
        shift 2
    done
    return $result
}

# FROM TO …: further names of staged or standing files.
link_names() {
    while [ $# -ge 2 ]; do
        ln "$1" "$2" || fail "cannot link $2 to $1"
        shift 2
    done
}

# MOUNT PATH …: what changes between a directory and something else is laid aside, so that `move` does not meet it.
lay_aside() {
    while [ $# -ge 2 ]; do
        if [ "${2%/*}" = . ]; then
            mkdir -p "$1/.ingot-staging/swap"
        else
            mkdir -p "$1/.ingot-staging/swap/${2%/*}"
        fi
        rename_to "$staging/new/$2" "$1/.ingot-staging/swap/$2" || fail "cannot stage $2: nothing was changed"
        shift 2
    done
}

# MOUNT PATH …: what stands there is renamed away, and what replaces it renamed in at once.
replace_entries() {
    while [ $# -ge 2 ]; do
        old=$(mktemp -d "$1/.ingot-staging/old/XXXXXX") || fail "cannot replace $2"
        rename_to "$2" "$old/entry" || fail "cannot replace $2"
        rename_to "$1/.ingot-staging/swap/$2" "$2" || fail "cannot replace $2"
        shift 2
    done
}

# What is immutable or append-only cannot be replaced, nor anything in such a directory: until the end it is neither. In $1, entries that the
# version decides about; with $2, those that get back what they had.
clear_flags() {
    [ -s "$lists/$1" ] || return 0
    xargs -0 lsattr -d -- <"$lists/$1" 2>/dev/null | sed -n 's/^[^ ]*[ai][^ ]* /&/p' >"$control/flagged"
    while IFS= read -r line; do
        path=${line#* } old=
        [ -e "$path" ] || continue
        # A name with a newline in it, which anybody may make, looks like a line about another file.
        grep -z -x -F -q -e "$path" "$lists/$1" || continue
        case ${line%% *} in *a*) old=a ;; esac
        case ${line%% *} in *i*) old=${old}i ;; esac
        chattr -ai -- "$path" || fail "$path is immutable and cannot be changed: nothing was changed"
        echo "note $path is immutable or append-only (+$old): it was changed nevertheless"
        [ -z "${2:-}" ] || printf '%s\0%s\0' "$old" "$path" >>"$lists/flags-back"
    done <"$control/flagged"
}

# FLAGS PATH …: the attribute by which the version has them is only the server's.
set_flags() {
    result=0
    while [ $# -ge 2 ]; do
        setfattr -h -x trusted.ingot.flags "$2" 2>/dev/null
        chattr "+$1" -- "$2" || result=1
        shift 2
    done
    return $result
}

# DIRECTORY …: makes those that are not there, parents first.
make_directories() {
    for directory; do
        shift
        [ -d "$directory" ] || set -- "$@" "$directory"
    done
    [ $# -eq 0 ] || mkdir "$@" && return
    for directory; do
        [ -d "$directory" ] || fail "cannot make the directory $directory"
    done
}

# DIRECTORY WORDS…: renames those staged entries of DIRECTORY into it that find's WORDS select.
# The slash makes find go through a link that leads to another filesystem's staging tree; such links themselves stay.
move_some() {
    directory=$1
    shift
    if [ "$INGOT_MV" = plain ]; then
        find "$staging/new/$directory/" -mindepth 1 -maxdepth 1 "$@" -print0 | xargs -0 sh "$self" into "$mv_option" "$directory"
        return
    fi
    find "$staging/new/$directory/" -mindepth 1 -maxdepth 1 "$@" -exec mv "$mv_option" -t "$directory" -- {} +
}

# OPTION DIRECTORY PATH …: as "mv OPTION -t DIRECTORY -- PATH …" does, and leaves links to staging trees.
move_into() {
    option=$1 directory=$2 result=0
    shift 2
    if [ "$option" = -f ] && [ $# -gt 0 ] && [ ! -L "$1" ]; then
        mv -f -- "$@" "$directory/"
        return
    fi
    for path; do
        ! [ -L "$path" ] || case $(readlink "$path") in */.ingot-staging/new) continue ;; esac
        place=$directory/${path##*/}
        if [ "$option" = -f ] || { [ ! -e "$place" ] && [ ! -L "$place" ]; }; then
            # A link to a directory must not be taken for a place to move into.
            mv -f -- "$path" "$directory/" || result=1
        fi
    done
    return $result
}

# DIRECTORY …: renames all that was staged for them: files first, then symbolic links, which may name the new files. A C library
# and its loader go in one go and before the libraries that want the new one.
move_in() {
    result=0
    for place; do
        case $place in
            *lib*)
                move_some "$place" ! -type d ! -type l "(" -name 'ld-*' -o -name 'ld[0-9]*' -o -name 'ld.so*' -o -name 'libc[.-]*' \
                    -o -name 'libpthread[.-]*' -o -name 'libdl[.-]*' -o -name 'libm[.-]*' -o -name 'librt[.-]*' ")" || result=1
                move_some "$place" -type l "(" -name 'ld-*' -o -name 'ld[0-9]*' -o -name 'ld.so*' -o -name 'libc[.-]*' \
                    -o -name 'libpthread[.-]*' -o -name 'libdl[.-]*' -o -name 'libm[.-]*' -o -name 'librt[.-]*' ")" || result=1
                ;;
        esac
        move_some "$place" ! -type d ! -type l || result=1
        if [ "$INGOT_MV" = plain ]; then
            move_some "$place" -type l || result=1
        else
            move_some "$place" -type l ! -lname '*/.ingot-staging/new' || result=1
        fi
    done
    return $result
}

# TIME PATH …
set_times() {
    result=0
    while [ $# -ge 2 ]; do
        set_time "$1" "$2" || result=1
        shift 2
    done
    return $result
}

# TIME PATH …: one time for all of them.
set_time_of() {
    when=$1
    shift
    if [ "$INGOT_TOUCH" = exact ]; then
        touch -h -c -d "$when" "$@"
        return
    fi
    result=0
    for path; do
        set_time "$when" "$path" || result=1
    done
    return $result
}

# TIME MOUNT …: the end. Removes the staging folders, this script among them.
finish() {
    while [ $# -ge 2 ]; do
        remove_tree "$2/.ingot-staging"
        set_time "$1" "$2"
        shift 2
    done
}

#INGOT-INCLUDE images/update/client/apply-kit.sh

#INGOT-INCLUDE images/update/client/apply-boot.sh

mv_option=-f
try_tools
case ${1:-} in
    mounts) shift && prepare_mounts "$@" && exit ;;
    link-mounts) shift && link_mounts "$@" && exit ;;
    patches) shift && patch_files "$@" && exit ;;
    strip) shift && strip_attributes "$@" && exit ;;
    links) shift && link_names "$@" && exit ;;
    aside) shift && lay_aside "$@" && exit ;;
    replace) shift && replace_entries "$@" && exit ;;
    directories) shift && make_directories "$@" && exit ;;
    move) shift && move_in "$@" && exit ;;
    into) shift && move_into "$@" && exit ;;
    add)
        # Newer mv's call a name that is there already a failure.
        shift && mv_option=-n
        move_in "$@"
        exit 0
        ;;
    flags) shift && set_flags "$@" && exit ;;
    time) shift && set_time_of "$@" && exit ;;
    times) shift && set_times "$@" && exit ;;
    finish) shift && finish "$@" && exit ;;
    kit) enter_kit || exit 70 ;;
    boot) boot_steps "$2" && exit ;;
esac
[ $# -eq 0 ] || exit 1

# A shell that has its tools in itself, as busybox's can, has nothing to lose.
if [ -e "$control/own-tools" ] && case $(command -v xargs) in /*) ;; *) false ;; esac && [ -n "${INGOT_KIT:-}" ] && [ -z "${INGOT_IN_KIT:-}" ]; then
    # Nothing in there reads the content before the kit is complete: code 70 means that it could not be made.
    if unshare --mount true 2>/dev/null; then
        unshare --mount sh "$self" kit
        code=$?
        [ "$code" = 70 ] || exit "$code"
    fi
    # Not empty: the places of libraries or programs themselves are replaced.
    [ ! -s "$control/own-tools" ] || fail "copies of the tools that are replaced could not be made (mount, unshare, ldd): nothing was changed"
    echo "note the update ran with the tools that it replaced: copies of them could not be made (unshare, mount)"
fi

# ---- the update

# ACLs, capabilities and SELinux labels come as the plain xattrs that they are: with --acls, tar would take them away again.
tar_options="-x -p"
for option in --numeric-owner --ignore-zeros; do
    # Busybox's may know neither; it is sent one archive, without names of owners.
    ! tar -c "$option" -f - /dev/null >/dev/null 2>&1 || tar_options="$tar_options $option"
done
if [ -e "$control/extended" ]; then
    # A tar that cannot do it says so on standard error, or refuses.
    if said=$(tar -c --xattrs --xattrs-include='*' -f - /dev/null 2>&1 >/dev/null) &&
        case $said in *"not available"* | *"not supported"*) false ;; esac; then
        tar_options="$tar_options --xattrs --xattrs-include=*"
    else
        echo "note tar on this machine cannot set extended attributes, ACLs and capabilities: they are missing"
    fi
fi

# shellcheck disable=SC2086 # options are words
stage() {
    tar $tar_options -f - -C "$staging/new"
}

# shellcheck disable=SC2086
unpack_directories() {
    tar $tar_options -f "$control/$1" -C .
}

# Renames what was staged for the directories of rank $1. A perl renames all of them alone; without one, and for what it could not, each
# directory takes some processes.
move_rank() {
    if [ -s "$lists/renames.$1" ] && command -v perl >/dev/null; then
        run_list "ordered.$1" sh "$self" move && rename_pairs <"$lists/renames.$1" 2>/dev/null && return
    fi
    run_list "move.$1" sh "$self" move
}

rename_pairs() {
    # shellcheck disable=SC2016 # perl's variables
    perl -0 -n -e 'chomp; push @pair, $_; if (@pair == 2) { rename($pair[0], $pair[1]) or $bad = 1; @pair = () } END { $? = $bad ? 1 : 0 }'
}

problems=0
problem() {
    problems=$((problems + 1))
    echo "ingot: $*" >&2
}

each mounts mounts 40 || exit 1
run_list mount-names sh "$self" link-mounts || exit 1
run_list parents mkdir -p -- || fail "cannot stage: nothing was changed"
run_list staged-directories mkdir -p -- || exit 1
echo "phase stage"
stage || fail "cannot unpack the new content: nothing was changed"
each patches patches 18 || exit 1
each links links 20 || exit 1
for rank in 0 1 2; do
    each aside "replace.$rank" 20 || exit 1
done
due=./etc/systemimager/BOOT_STEPS_DUE
[ -d ./etc/systemimager ] || due=$control/boot-steps-due
if [ -s "$control/boot-steps" ] && [ -n "${INGOT_LIVE:-}" ]; then
    cp "$control/boot-steps" "$due" || fail "cannot write $due: nothing was changed"
fi
sync

if command -v lsattr >/dev/null && command -v chattr >/dev/null; then
    clear_flags touched
    clear_flags touched-directories back
fi

echo "phase rename"
stopped="stopped while renaming; run the update again"
run_list directories sh "$self" directories || fail "$stopped"
# Loaders, libraries, programs and the rest, boot menus. Before the place of libraries changes, those that are not there yet are
# added, so that there is no moment in which programs miss one.
move_rank 0 || problem "some files could not be renamed into place"
[ ! -s "$lists/replace.1" ] || run_list move.1 sh "$self" add || fail "$stopped"
each replace replace.0 20 || fail "$stopped"
each replace replace.1 20 || fail "$stopped"
move_rank 1 || problem "some files could not be renamed into place"
move_rank 2 || problem "some files could not be renamed into place"
each replace replace.2 20 || fail "$stopped"
move_rank 3 || problem "some files could not be renamed into place"

echo "phase metadata"
for list in "$lists"/owner.*; do
    [ -e "$list" ] || continue
    owner=${list##*/owner.}
    run_list "${list##*/}" chown -h "${owner%.*}:${owner##*.}" || problem "some owners could not be set"
done
for list in "$lists"/mode.*; do
    [ -e "$list" ] || continue
    run_list "${list##*/}" chmod "${list##*/mode.}" || problem "some modes could not be set"
done
for list in "$lists"/time.*; do
    [ -e "$list" ] || continue
    run_list "${list##*/}" sh "$self" time "${list##*/time.}" || problem "some times could not be set"
done
each times times 40 || problem "some times could not be set"
each strip strip 40 || problem "some attributes could not be taken away"
[ ! -e "$control/directories.tar" ] || unpack_directories directories.tar || problem "some directories' metadata could not be set"
run_list delete-files rm -f -- || problem "some files could not be deleted"
run_list delete-directories rmdir -- 2>/dev/null
sync

# Only of the running system: elsewhere the kernel and the disks are not those that the files will meet.
boot_failed=
if [ -s "$due" ] && [ -e "$control/boot-steps" ] && [ -n "${INGOT_LIVE:-}" ]; then
    path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    if [ -n "${INGOT_IN_KIT:-}" ]; then
        INGOT_IN_KIT='' PATH=$path /ingot-bin/chroot /node sh "$self" boot "$due" </dev/null || boot_failed=1
    else
        sh "$self" boot "$due" </dev/null || boot_failed=1
    fi
fi

if [ -e "$control/record" ]; then
    record=./etc/systemimager/IMAGE_LAST_SYNCED_TO
    if [ -d ./etc/systemimager ] && [ ! -L ./etc/systemimager ]; then
        [ -e "$record" ] || : >"$record"
        chmod 644 "$record"
    fi
fi
[ ! -e "$control/times.tar" ] || unpack_directories times.tar
each times directory-times 40
each flags flags 40 || problem "some files could not be made immutable or append-only"
[ ! -e "$lists/flags-back" ] || each flags flags-back 40
if [ "$problems" -gt 0 ]; then
    fail "$problems kinds of problems; every file is whole: put them right and run the update again"
fi
# The last thing: what changes on this machine from now on is newer than this file.
if [ -e "$control/record" ] && [ -e "$record" ]; then
    cat "$control/record" >"$record"
fi
each finish finish 40
[ -z "$boot_failed" ] || fail "every file is in place, but not all boot files could be made anew; the next update tries again"
echo "phase done"
