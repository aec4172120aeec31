# Part of apply.sh, whose variables staging and control, and whose fail, it uses.
# shellcheck shell=sh disable=SC2154

# ---- what the tools of a small or old machine cannot do is done otherwise: those of busybox, and GNU's of before 2010. Which they are is
# tried out once, in the staging folder, and handed down.

try_tools() {
    [ -z "${INGOT_RM:-}" ] || return 0
    INGOT_RM=plain INGOT_MV=plain INGOT_TOUCH=stamp
    rm -rf --one-file-system "$staging/try" 2>/dev/null && INGOT_RM=one-file-system
    if : >"$staging/try" && mv -f -T "$staging/try" "$staging/try-2" 2>/dev/null &&
        mv -f -t "$control" -- "$staging/try-2" 2>/dev/null &&
        find "$control" -maxdepth 0 ! -lname x -exec true {} + 2>/dev/null; then
        INGOT_MV=directories
    fi
    rm -f "$staging/try" "$staging/try-2" "$control/try-2"
    # Without -c, one that does not know the words makes no file either.
    if touch -h -c -d @1.5 "$staging/try" 2>/dev/null; then
        INGOT_TOUCH=exact
    elif touch -h -c -d @1 "$staging/try" 2>/dev/null; then
        INGOT_TOUCH=seconds
    elif ! touch -h -c "$staging/try" 2>/dev/null; then
        INGOT_TOUCH=stamp-of-files
    fi
    export INGOT_RM INGOT_MV INGOT_TOUCH
}

# Removes the tree $1, and nothing that is mounted in it.
remove_tree() {
    if [ "$INGOT_RM" = one-file-system ]; then
        rm -rf --one-file-system "$1"
    elif grep -q '/\.ingot-staging/' /proc/mounts; then
        fail "something is mounted in a folder .ingot-staging"
    else
        rm -rf "$1"
    fi
}

# Renames $1 to $2, where nothing stands.
rename_to() {
    if [ "$INGOT_MV" = directories ]; then
        mv -T "$1" "$2"
    else
        [ ! -e "$2" ] && [ ! -L "$2" ] && mv "$1" "$2"
    fi
}

# TIME PATH: a time as the lists have it, "@SECONDS.NANOSECONDS", or "now".
set_time() {
    [ "$1" != now ] || {
        touch -c "$2"
        return
    }
    case $INGOT_TOUCH in
        exact) touch -h -c -d "$1" "$2" ;;
        seconds) touch -h -c -d "${1%.*}" "$2" ;;
        *)
            if [ "$INGOT_TOUCH" = stamp ]; then
                TZ=UTC0 touch -h -c -t "$(stamp "${1#@}")" "$2"
            elif [ ! -L "$2" ]; then
                TZ=UTC0 touch -c -t "$(stamp "${1#@}")" "$2"
            fi
            ;;
    esac
}

# Seconds since 1970 as CCYYMMDDhhmm.SS: days are counted from the first of March of the year 0, in periods of 400 years.
stamp() {
    time=${1%.*}
    days=$(((time + 62162035200) / 86400)) rest=$(((time + 62162035200) % 86400))
    era=$((days / 146097)) day=$((days % 146097))
    year=$(((day - day / 1460 + day / 36524 - day / 146096) / 365))
    day=$((day - (365 * year + year / 4 - year / 100)))
    month=$(((5 * day + 2) / 153))
    day=$((day - (153 * month + 2) / 5 + 1)) year=$((year + era * 400))
    if [ "$month" -lt 10 ]; then
        month=$((month + 3))
    else
        month=$((month - 9)) year=$((year + 1))
    fi
    printf '%04d%02d%02d%02d%02d.%02d\n' "$year" "$month" "$day" $((rest / 3600)) $((rest / 60 % 60)) $((rest % 60))
}

# Free KiB on the filesystem of $1.
free_space() {
    # shellcheck disable=SC2046 # two numbers
    set -- "$1" $(stat -f -c '%a %S' "$1" 2>/dev/null)
    case ${2:-}-${3:-} in
        - | *[!0-9-]*) df -P -k "$1" | sed -n '$s/^.* \([0-9]*\) *[0-9-]*% .*$/\1/p' ;;
        *) echo $(($2 * ($3 / 512) / 2)) ;;
    esac
}
