#!/bin/sh
# si_updateclient: brings this machine to a version of an image. What the server sends (a listing command, a plan, a bundle with its
# apply script) is believed because the server has proved that it holds the pinned key.
#
# The variables of images/remote/client/server.sh, which becomes part of this.
# shellcheck disable=SC2034,SC2154
set -u
umask 077

usage() {
    cat <<'END'
Usage: si_updateclient [--server HOST] --image IMAGE[@VERSION] [OPTION]...

Brings this machine to the state of an image. Paths in /etc/systemimager/updateclient.local.exclude are left alone.

  --server HOST        the Ingot server (HOST, HOST:PORT or a URL); the one that installed this command unless told
  --image IMAGE        the image, or one version of it (web@3)
  --directory DIR      only what is in DIR (default /)
  --dry-run            show what would be done and change nothing
  --no-delete          leave files that the image does not have
  --no-bootloader      leave initramfs and boot menu as they are
  --reboot             reboot 10 seconds after a successful update
  --yes                do not ask
  --quiet              show problems only
  --help, --version
END
}

die() {
    echo "si_updateclient: $*" >&2
    exit 1
}

INGOT_URL='' INGOT_PIN='' INGOT_TOKEN=''
settings=/etc/systemimager/ingot.conf
if [ -r "$settings" ]; then
    # shellcheck disable=SC1090 # written by the installer
    . "$settings"
fi

server='' image='' directory=/ dry_run='' no_delete=0 no_bootloader=0 reboot='' yes='' quiet=''
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
        --server | --image | --directory | --override | --flavor | --configure-from | --append | --ssh-user | --log)
            [ $# -ge 2 ] || die "option $1 wants a value"
            ;;
    esac
    case $1 in
        --server) server=$2 && shift ;;
        --image) image=$2 && shift ;;
        --directory) directory=$2 && shift ;;
        --dry-run) dry_run=1 no_bootloader=1 ;;
        --no-delete) no_delete=1 ;;
        --no-bootloader) no_bootloader=1 ;;
        --reboot) reboot=1 ;;
        --yes) yes=1 ;;
        --quiet) quiet=1 ;;
        --help | -h) usage && exit 0 ;;
        --version) echo "si_updateclient (Ingot)" && exit 0 ;;
        --override | --log | --ssh-user)
            echo "si_updateclient: note: $1 has no effect: the server knows the overrides, and the connection is HTTPS" >&2
            shift
            ;;
        --autoinstall | --flavor | --configure-from | --append)
            die "$1 is not done from the client any more; on the server: ingot deploy NODE --image IMAGE"
            ;;
        *) die "unknown option $1 (si_updateclient --help shows all)" ;;
    esac
    shift
done

[ "$(id -u)" = 0 ] || die "must be run as root"
[ -n "$image" ] || die "which image? (--image NAME)"

#INGOT-INCLUDE images/remote/client/server.sh

encode() {
    printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | tr ' ' '%'
}

#INGOT-INCLUDE images/update/client/state.sh
#INGOT-INCLUDE images/update/client/receive.sh

query="?image=$(encode "$image")&directory=$(encode "$directory")&no-delete=$no_delete&no-bootloader=$no_bootloader"

[ -n "$quiet" ] || echo "Looking at this machine ..."
ingot_update_state '' >"$work/state"
request "/client/update/list$query" "$work/state" >"$work/list" || die "no answer of use from $url: $(said "$work/list")"
sh "$work/list" >"$work/listing" 2>"$work/complaints"
case $? in
    0 | 1) ;;
    *) die "cannot list this machine: $(tail -n 1 "$work/complaints")" ;;
esac
{
    wc -c <"$work/state" | tr -d ' '
    cat "$work/state" "$work/listing"
} >"$work/body"
request "/client/update/plan$query" "$work/body" >"$work/plan" || die "no plan from $url: $(said "$work/plan")"
read -r word version <"$work/plan"
[ "$word" = version ] || die "the server sent no plan"

if [ -n "$dry_run" ]; then
    sed 1d "$work/plan"
    exit 0
fi
[ -n "$quiet" ] || tail -n 1 "$work/plan"
if [ -z "$yes" ]; then
    printf 'Bring this machine to that state? (y/[n]) '
    read -r answer
    case $answer in
        y | Y | yes | Yes) ;;
        *) echo "Nothing was changed." && exit 1 ;;
    esac
fi

# The very version that the plan was made for, although a newer one may have come meanwhile.
query="$query&version=$version"
mkfifo "$work/bundle" || die "cannot make a pipe"
request "/client/update/bundle$query" "$work/body" >"$work/bundle" &
transfer=$!
(ingot_receive /) <"$work/bundle" >"$work/said" 2>&1
result=$?
wait "$transfer" || result=1
if [ -z "$quiet" ] || [ "$result" != 0 ]; then
    sed 's/^phase /  /' "$work/said"
fi
[ "$result" = 0 ] || die "the update is not complete: every file is whole; run it again"
[ -n "$quiet" ] || echo "This machine is at ${image%@*}@$version."
if [ -n "$reboot" ]; then
    echo "Rebooting in 10 seconds ..."
    sleep 10
    reboot
fi
