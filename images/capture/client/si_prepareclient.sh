#!/bin/sh
# si_prepareclient: makes this machine ready to be captured as a golden client. Writes its disk layout to
# /etc/systemimager/autoinstallscript.conf and, after asking, lets the server's SSH key in.
#
# The variables of images/remote/client/server.sh, which becomes part of this.
# shellcheck disable=SC2034,SC2154
set -u
umask 022

usage() {
    cat <<'END'
Usage: si_prepareclient [--server HOST] [OPTION]...

Records this machine's disk layout and lets the Ingot server in by SSH, so that it can be captured.

  -s, --server HOST    the Ingot server (HOST, HOST:PORT or a URL); the one that installed this command unless told
  -n, --no-rsyncd      only write the layout: let nobody in
  -y, --yes            do not ask
  -q, --quiet          show problems only; with --yes implied
  --help, --version

Options of SystemImager's that make boot packages or tune rsync are accepted and have no effect.
END
}

die() {
    echo "si_prepareclient: $*" >&2
    exit 1
}

note() {
    [ -n "$quiet" ] || echo "si_prepareclient: note: $*" >&2
}

INGOT_URL='' INGOT_PIN='' INGOT_TOKEN=''
settings=/etc/systemimager/ingot.conf
if [ -r "$settings" ]; then
    # shellcheck disable=SC1090 # written by the installer
    . "$settings"
fi

server='' yes='' quiet='' no_access=''
while [ $# -gt 0 ]; do
    # Both `--option value` and `--option=value`; one dash does too, as in Getopt::Long.
    case $1 in
        -[a-z][a-z]*)
            option=-$1
            shift
            set -- "$option" "$@"
            ;;
    esac
    case $1 in
        --*=*)
            option=${1%%=*} value=${1#*=}
            shift
            set -- "$option" "$value" "$@"
            ;;
    esac
    case $1 in
        -s | --server | -e | --exclude-disk | --unit | --kernel | --modules-dir | --image | --filesystem | --ssh-key | \
            --authorized-keys | --config | --firmware-dir | --dracut-opts)
            [ $# -ge 2 ] || die "option $1 wants a value"
            ;;
    esac
    case $1 in
        -s | --server) server=$2 && shift ;;
        -n | --no-rsyncd | --norsyncd) no_access=1 ;;
        -y | --yes) yes=1 ;;
        -q | --quiet) quiet=1 yes=1 ;;
        -h | --help) usage && exit 0 ;;
        --version) echo "si_prepareclient (Ingot)" && exit 0 ;;
        --no-uyok | --my-modules | --explicit | --include-system-firmware)
            note "$1 has no effect: boot packages are made on the server (ingot flavor build)"
            ;;
        -e | --exclude-disk | --unit | --kernel | --modules-dir | --image | --filesystem | --ssh-key | --authorized-keys | \
            --config | --firmware-dir | --dracut-opts)
            note "$1 has no effect: boot packages are made on the server, layouts are edited there (ingot layout)"
            shift
            ;;
        *) die "unknown option $1 (si_prepareclient --help shows all)" ;;
    esac
    shift
done

[ "$(id -u)" = 0 ] || die "must be run as root"

#INGOT-INCLUDE images/remote/client/server.sh
#INGOT-INCLUDE images/capture/client/probe.sh

[ -n "$quiet" ] || echo "Looking at this machine's disks ..."
ingot_probe >"$work/probe"
request /client/prepare "$work/probe" >"$work/layout" || die "no layout from $url: $(said "$work/layout")"
[ -s "$work/layout" ] || die "the server sent no layout"

folder=/etc/systemimager
layout=$folder/autoinstallscript.conf
mkdir -p "$folder" || die "cannot make $folder"
if [ -e "$layout" ] && ! cmp -s "$work/layout" "$layout"; then
    cp -p "$layout" "$layout.old" || die "cannot keep the old $layout"
    note "the layout that was there is now $layout.old"
fi
cat "$work/layout" >"$layout.new" || die "cannot write $layout"
mv -f "$layout.new" "$layout" || die "cannot write $layout"
[ -n "$quiet" ] || echo "The disk layout is in $layout; it can be edited before the capture."

if [ -z "$no_access" ]; then
    request /client/ssh-keys >"$work/keys" || die "no SSH key from $url: $(said "$work/keys")"
    keys=/root/.ssh/authorized_keys
    grep '^[a-z]' "$work/keys" >"$work/wanted" || die "the server has no SSH key"
    if [ -r "$keys" ]; then
        grep -v -x -F -f "$keys" "$work/wanted" >"$work/new"
    else
        cp "$work/wanted" "$work/new"
    fi
    if [ -s "$work/new" ]; then
        if [ -z "$yes" ]; then
            printf 'Let the server %s in as root by SSH? (y/[n]) ' "$url"
            read -r answer
            case $answer in
                y | Y | yes | Yes) ;;
                *) die "the server was not let in: it cannot capture this machine" ;;
            esac
        fi
        # A last line without its newline would run into ours.
        if [ -s "$keys" ] && [ -n "$(tail -c 1 "$keys")" ]; then
            echo >>"$keys"
        fi
        (umask 077 && mkdir -p /root/.ssh && cat "$work/new" >>"$keys") || die "cannot write $keys"
    fi
    if ! command -v sshd >/dev/null && [ ! -x /usr/sbin/sshd ]; then
        die "no SSH server is installed here (package openssh-server): the server cannot reach this machine"
    fi
fi

for tool in find tar; do
    case $("$tool" --version 2>/dev/null) in
        *GNU*) ;;
        *) die "GNU $tool is needed for the capture and is not installed" ;;
    esac
done
[ -n "$quiet" ] || cat <<END
This machine is ready. Next, on the server:

    ingot capture IMAGE $(uname -n)      (or: si_getimage --golden-client $(uname -n) --image IMAGE)
END
