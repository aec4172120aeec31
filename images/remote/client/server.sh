# shellcheck shell=sh disable=SC2154
# How the commands on a client reach the server: part of si_prepareclient and si_updateclient, which know $server (--server), $INGOT_URL,
# $INGOT_PIN and $INGOT_TOKEN (of the line that installed them) and die(). Sets $url, the server's address, and $work, a folder of
# root's that goes when the command ends.

case $server in
    '') url=$INGOT_URL ;;
    http://*) die "the server is reached by https only" ;;
    https://*) url=${server%/} ;;
    *:*) url=https://$server ;;
    *)
        # A bare name: the port of the server that installed this command.
        port=${INGOT_URL##*:}
        case $port in
            '' | *[!0-9]*) url=https://$server ;;
            *) url=https://$server:$port ;;
        esac
        ;;
esac
[ -n "$url" ] || die "which server? (--server HOST)"
[ -n "$INGOT_PIN" ] || die "the server's key is not known here: install this command with the line that 'ingot client' prints there"

work=$(mktemp -d) || die "cannot make a temporary folder"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Curl before 7.76 cannot fail and show why.
curl_fail=--fail
if curl --fail-with-body --version >/dev/null 2>&1; then
    curl_fail=--fail-with-body
fi

# request PATH [BODY]: GETs, or POSTs the file BODY; answer on standard output. The certificate is judged by the pinned key alone. The
# token goes by way of files, so that nobody sees it in the list of processes.
request() {
    if command -v curl >/dev/null; then
        (umask 077 && printf 'header = "Authorization: Bearer %s"\n' "$INGOT_TOKEN" >"$work/curl")
        curl -sS -k --pinnedpubkey "$INGOT_PIN" "$curl_fail" -K "$work/curl" \
            ${2:+-X POST -H 'Content-Type: application/octet-stream' -T "$2"} "$url$1"
    elif wget --help 2>&1 | grep -q -e --pinnedpubkey; then
        (umask 077 && printf 'header = Authorization: Bearer %s\n' "$INGOT_TOKEN" >"$work/wget")
        WGETRC=$work/wget wget -q -O - --content-on-error --no-check-certificate --pinnedpubkey="$INGOT_PIN" \
            ${2:+--header='Content-Type: application/octet-stream' --post-file="$2"} "$url$1"
    else
        die "neither curl nor a wget that can pin keys is installed"
    fi
}

# What the server said against it: its answers to failures are JSON with a "detail".
said() {
    sed -n 's/.*"detail":"\([^"]*\)".*/\1/p' "$1" | head -n 1
}
