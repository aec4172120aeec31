# What a plan needs of a node beside its listing, printed before that by a node that updates itself. Defines functions that read the
# NUL-ended names of entries below the working directory on standard input.
# shellcheck shell=sh

# BYTES: prints the name and the content of each file up to that many bytes, each ended by a NUL, and an empty name in the end.
ingot_rule_files() {
    # shellcheck disable=SC2016 # the inner shell's variables
    xargs -0 -r sh -c 'for file; do printf "%s\0" "$file"; head -c "$0" "$file" | tr -d "\000"; printf "\0"; done' "$1" 2>/dev/null
    printf '\0'
}

# Prints what getfattr says, and a line with a dot in the end: no line of getfattr's is one.
ingot_attributes() {
    xargs -0 -r getfattr -h -d -m - -e hex -- 2>/dev/null
    echo .
}

# Prints lsattr's lines about what is immutable or append-only, and a line with a dot in the end. No name may hold a newline.
ingot_flags() {
    xargs -0 -r lsattr -d -- 2>/dev/null | grep '^[^ ]*[ai][^ ]* '
    echo .
}
