# What the tools of a machine can do, tried out rather than read off their versions. Defines ingot_abilities, which changes nothing and
# prints sections: a line "<0x1E>NAME", then that section's text.
# shellcheck shell=sh

ingot_abilities() {
    printf '\n\036find\n'
    find / -maxdepth 0 -version
    printf '\n\036tar\n'
    tar --version
    # A tar that was built without one of these says so, and goes on.
    printf '\n\036tar-abilities\n'
    for ingot_word in xattrs acls selinux; do
        if ingot_text=$(tar -c "--$ingot_word" -f - /dev/null 2>&1 >/dev/null); then
            case $ingot_text in
                *"not available"* | *"not supported"* | *nrecognized*) ;;
                *) echo "$ingot_word" ;;
            esac
        fi
    done
    # One record of each kind that listings are made of.
    printf '\n\036listing\n'
    printf 'find '
    find / -maxdepth 0 -noleaf -printf '%y %m %U %G %s %b %T@ %C@ %D:%i %n\0%l\0%P\0' | tr '\0' '|'
    printf '\ndevices '
    find / -maxdepth 0 -exec stat --printf 'r %t %T\0\0%n\0' '{}' + | tr '\0' '|'
    printf '\nstat '
    find / -maxdepth 0 -path '/[x' -prune -o -print0 | TZ=UTC0 xargs -0 -r stat -c '%f %u %g %s %b %Y %Z %d:%i %h %t:%T %n'
    printf '\nlink '
    stat -c '%N' /proc/self/exe
    printf '\nfraction '
    TZ=UTC0 stat -c '%y' /proc/self
    # A touch that does not know the words fails; without -c it would make the file.
    printf '\n\036touch\n'
    touch -c -h /proc/ingot-no-such-file && echo links
    touch -c -h -d @1.5 /proc/ingot-no-such-file && echo exact
    printf '\n\036programs\n'
    for ingot_word in lsattr chattr sha256sum b2sum zstd getfattr setfattr getfacl setfacl curl wget; do
        command -v "$ingot_word" >/dev/null && echo "$ingot_word"
    done
    cp --help 2>&1 | grep -q -e --attributes-only && echo cp-attributes
}
