# shellcheck shell=sh
# Ingot's library for a machine under installation, /lib/ingot/node.sh: how to talk to the server. The ramdisk's init uses
# it, and so does the master script (". /lib/ingot/node.sh").
#
#   ingot_fetch PATH [FILE]           GET to FILE, or to standard output
#   ingot_post PATH [FILE [TYPE]]     POST FILE ("-": standard input; none: nothing); prints the answer
#   ingot_report PHASE PERCENT MESSAGE [BYTES]    never fails: an install does not stop because a report is lost
#   ingot_fail PHASE MESSAGE          tells the server that the install failed; returns 1, so it ends a script under "set -e"
#   ingot_done                        sends the rest of the log, then tells the server that the install is done
#   ingot_flush_log                   sends what is new in the log
#
# INGOT_SERVER, INGOT_PIN, INGOT_TOKEN and INGOT_MAC are in the environment. curl gets pin and token from a file that only
# root can read, so that neither shows in a list of processes. The pin is what proves the server: its certificate may be
# signed by anybody and this machine's clock may be wrong.

INGOT_RUN=${INGOT_RUN:-/run/ingot}

# Writes the file curl is run with.
# shellcheck disable=SC2153 # INGOT_PIN is in the environment
ingot_configure() (
	umask 077
	mkdir -p "$INGOT_RUN"
	cat >"$INGOT_RUN/curl.conf" <<-END
		silent
		show-error
		insecure
		pinnedpubkey = "$INGOT_PIN"
		header = "Authorization: Bearer $INGOT_TOKEN"
		header = "Expect:"
		connect-timeout = 10
		speed-limit = 1
		speed-time = 300
		proto = "=https"
		noproxy = "*"
	END
)

# ingot_request ATTEMPTS CURL-ARGUMENT...: runs curl until it succeeds. What may pass by itself is tried again, with growing
# pauses: no connection, a server that is busy or being restarted. An answer that says no is final, and so is an answer
# that broke off: its first half has been handed on already.
ingot_request() (
	attempts=$1
	shift
	answer=$(mktemp "$INGOT_RUN/answer.XXXXXX") || exit 1
	attempt=1
	pause=1
	while :; do
		: >"$answer"
		code=0
		curl --config "$INGOT_RUN/curl.conf" --dump-header "$answer" "$@" || code=$?
		status=$(sed -n 's/^HTTP[^ ]* \([0-9][0-9]*\).*/\1/p' "$answer" | tail -n 1)
		if [ "$code" -eq 0 ]; then
			sed -n 's/^[Dd]ate: *//p' "$answer" | tr -d '\r' >"$INGOT_RUN/date"
			break
		fi
		if [ "$code" -eq 90 ]; then
			echo "ingot: $INGOT_SERVER has another key than the one this machine was told to trust" >&2
			break
		fi
		case $status in
		'' | 100 | 408 | 425 | 429 | 5??) ;;
		*) break ;;
		esac
		if [ "$attempt" -ge "$attempts" ]; then
			break
		fi
		echo "ingot: no answer from $INGOT_SERVER (curl: $code, HTTP: ${status:-none}); attempt $attempt of $attempts, next in $pause s" >&2
		sleep "$pause"
		attempt=$((attempt + 1))
		pause=$((pause * 2))
		if [ "$pause" -gt 15 ]; then
			pause=15
		fi
	done
	rm -f "$answer"
	exit "$code"
)

ingot_fetch() {
	if [ $# -gt 1 ]; then
		ingot_request 20 --fail --output "$2" "$INGOT_SERVER$1"
	else
		ingot_request 20 --fail "$INGOT_SERVER$1"
	fi
}

ingot_post() (
	path=$1
	file=${2:-/dev/null}
	# The log ends with the install: once the server knows that it is done, the token is void.
	if [ "$path" = /node/done ]; then
		ingot_flush_log
	fi
	held=
	if [ "$file" = - ]; then
		held=$(mktemp "$INGOT_RUN/post.XXXXXX") || exit 1
		cat >"$held"
		file=$held
	fi
	code=0
	if [ -s "$file" ]; then
		ingot_request "${INGOT_ATTEMPTS:-20}" --fail-with-body --request POST --header "Content-Type: ${3:-application/octet-stream}" \
			--upload-file "$file" "$INGOT_SERVER$path" || code=$?
	else
		ingot_request "${INGOT_ATTEMPTS:-20}" --fail-with-body --request POST --data '' "$INGOT_SERVER$path" || code=$?
	fi
	if [ -n "$held" ]; then
		rm -f "$held"
	fi
	exit "$code"
)

# Text as the inside of a JSON string: control characters become spaces.
ingot_json_text() {
	printf '%s' "$1" | LC_ALL=C tr '\000-\037\177' ' ' | LC_ALL=C sed 's/[\\"]/\\&/g'
}

ingot_report() {
	printf '%s\n' "$1" >"$INGOT_RUN/phase"
	echo "ingot: $1, $2 %: $3"
	printf '{"phase":"%s","percent":%s,"message":"%s"%s}' "$(ingot_json_text "$1")" "$2" "$(ingot_json_text "$3")" \
		"${4:+,\"bytes\":$4}" |
		INGOT_ATTEMPTS=3 ingot_post /node/report - application/json >/dev/null ||
		echo "ingot: this report did not reach the server; going on" >&2
}

ingot_fail() {
	echo "ingot: FAILED in phase $1: $2" >&2
	: >"$INGOT_RUN/failed"
	ingot_flush_log
	printf '{"phase":"%s","message":"%s"}' "$(ingot_json_text "$1")" "$(ingot_json_text "$2")" |
		ingot_post /node/failed - application/json >/dev/null ||
		echo "ingot: the server could not be told about the failure" >&2
	return 1
}

ingot_done() {
	ingot_post /node/done
}

# One sender at a time: the file "sent" holds how many bytes of the log the server has.
ingot_flush_log() (
	log=$INGOT_RUN/log
	if [ ! -f "$log" ]; then
		exit 0
	fi
	exec 9>"$INGOT_RUN/log.lock"
	flock 9
	sent=$(cat "$INGOT_RUN/sent" 2>/dev/null || echo 0)
	part=$INGOT_RUN/log.part
	# As far as the log goes now: a script under "set -x" makes it grow while it is being sent.
	end=$(wc -c <"$log")
	while [ "$sent" -lt "$end" ]; do
		tail -c "+$((sent + 1))" "$log" | head -c 262144 >"$part"
		INGOT_ATTEMPTS=2 ingot_post /node/log "$part" text/plain >/dev/null 2>&1 9>&- || exit 0
		sent=$((sent + $(wc -c <"$part")))
		echo "$sent" >"$INGOT_RUN/sent"
	done
)
