#!/bin/sh
# Called by busybox udhcpc with what happened as $1 and what the DHCP server said in the environment.
# shellcheck disable=SC2154 # interface, ip, mask, router, dns, ... come from udhcpc

configure() {
	ip addr flush dev "$interface"
	ip addr add "$ip/${mask:-24}" broadcast + dev "$interface"
	if [ -n "${mtu:-}" ]; then
		ip link set dev "$interface" mtu "$mtu"
	fi
	# Classless routes replace the router option where both are given (RFC 3442).
	if [ -n "${staticroutes:-}" ]; then
		# Pairs of words: network/prefix and gateway.
		# shellcheck disable=SC2086
		set -- $staticroutes
		while [ $# -ge 2 ]; do
			if [ "$2" = 0.0.0.0 ]; then
				ip route replace "$1" dev "$interface"
			else
				ip route replace "$1" via "$2" dev "$interface" onlink
			fi
			shift 2
		done
	elif [ -n "${router:-}" ]; then
		ip route replace default via "${router%% *}" dev "$interface" onlink
	fi
	{
		if [ -n "${search:-${domain:-}}" ]; then
			echo "search ${search:-$domain}"
		fi
		for server in ${dns:-}; do
			echo "nameserver $server"
		done
	} >/etc/resolv.conf
	# What the machine makes meanwhile (comments of SSH keys, logs) carries its name.
	case ${hostname:-} in
	'' | *[!A-Za-z0-9.-]*) ;;
	*) hostname "$hostname" ;;
	esac
	echo "$ip" >/run/ingot/address
}

case $1 in
bound)
	configure
	echo "ingot: address $ip/${mask:-24} from ${serverid:-a DHCP server}, router ${router:-none}"
	;;
renew) configure ;;
esac
