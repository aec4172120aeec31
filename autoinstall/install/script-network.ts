/** Shell that binds the network settings of the golden client to the cards of this machine. */

export const networkFunctions = `# --- Network -----------------------------------------------------------------------------------------------------------
# adapt_network: settings bound to a network card by its address are bound to this machine's cards by name, and where the one
# name that is configured is none of this machine's, the card that it netbooted from gets that name.
adapt_network() {
	for file in "$TARGET"/etc/sysconfig/network-scripts/ifcfg-* "$TARGET"/etc/sysconfig/network/ifcfg-*; do
		if [ -f "$file" ]; then
			edit "\${file#"$TARGET"/}" -e '/^HWADDR=/d' -e '/^UUID=/d'
		fi
	done
	for file in "$TARGET"/etc/NetworkManager/system-connections/*; do
		if [ -f "$file" ]; then
			edit "\${file#"$TARGET"/}" -e '/^mac-address=/d'
		fi
	done
	adapt_addresses
	configured=$(configured_cards | LC_ALL=C sort -u)
	if [ -z "$configured" ] || [ "$(echo "$configured" | wc -l)" -ne 1 ] || [ -z "\${INGOT_MAC:-}" ]; then
		return 0
	fi
	for card in $(own_cards); do
		if [ "$card" = "$configured" ]; then
			return 0
		fi
	done
	say "This machine has no network card $configured; the one with $INGOT_MAC gets that name"
	printf '[Match]\\nMACAddress=%s\\nType=ether\\n\\n[Link]\\nName=%s\\n' "$INGOT_MAC" "$configured" |
		put etc/systemd/network/10-ingot.link || fail "The network card's name cannot be written"
}

# adapt_addresses: where netplan or systemd-networkd go by the address of the golden client's one card, this machine's takes its
# place. Which of several is which, only a person knows.
adapt_addresses() {
	named=$(cat "$TARGET"/etc/netplan/*.yaml "$TARGET"/etc/systemd/network/*.network "$TARGET"/etc/systemd/network/*.link 2>/dev/null |
		sed -n -e 's/^[ \\t]*macaddress:[^0-9A-Fa-f]*\\([0-9A-Fa-f:]\\{17\\}\\).*/\\1/p' -e 's/^[A-Za-z]*MACAddress=\\([0-9A-Fa-f:]\\{17\\}\\).*/\\1/p' |
		tr 'A-F' 'a-f' | LC_ALL=C sort -u)
	case $named in
	'') return 0 ;;
	*:*:*:*:*:*[!0-9a-f:]*)
		say "The network settings go by the addresses of several cards: name this machine's in /etc/netplan or /etc/systemd/network"
		return 0
		;;
	esac
	if [ -z "\${INGOT_MAC:-}" ]; then
		return 0
	fi
	for file in "$TARGET"/etc/netplan/*.yaml "$TARGET"/etc/systemd/network/*.network "$TARGET"/etc/systemd/network/*.link; do
		edit "\${file#"$TARGET"/}" \\
			-e "s/^\\([ \\t]*macaddress:[^0-9A-Fa-f]*\\)[0-9A-Fa-f:]\\{17\\}/\\1$INGOT_MAC/" \\
			-e "s/^\\([A-Za-z]*MACAddress=\\)[0-9A-Fa-f:]\\{17\\}/\\1$INGOT_MAC/"
	done
}

# configured_cards: names of wired cards that the new system configures.
configured_cards() {
	{
		cat "$TARGET/etc/network/interfaces" "$TARGET"/etc/network/interfaces.d/* 2>/dev/null |
			sed -n 's/^[ \\t]*iface[ \\t][ \\t]*\\([a-z0-9]*\\)[ \\t].*/\\1/p'
		for file in "$TARGET"/etc/sysconfig/network-scripts/ifcfg-* "$TARGET"/etc/sysconfig/network/ifcfg-*; do
			echo "\${file##*/ifcfg-}"
		done
		cat "$TARGET"/etc/systemd/network/*.network 2>/dev/null | sed -n 's/^Name=\\([a-z0-9]*\\)$/\\1/p'
		cat "$TARGET"/etc/netplan/*.yaml 2>/dev/null | sed -n 's/^[ \\t]*\\(e[a-z]*[0-9][a-z0-9]*\\):[ \\t]*$/\\1/p'
	} | grep -E '^(eth[0-9]+|en[opsx][a-z0-9]+|ens[0-9]+|em[0-9]+)$'
}

# own_cards: the names that this machine's cards may come to have: the kernel's and those by place and address.
own_cards() {
	for card in /sys/class/net/*; do
		if [ -e "$card/device" ]; then
			case " $(in_image cat /etc/default/grub 2>/dev/null | tr '\\n"' '  ')" in
			*' net.ifnames=0 '*) basename "$card" ;;
			esac
			udevadm test-builtin net_id "/class/net/\${card##*/}" 2>/dev/null |
				sed -n 's/^ID_NET_NAME_[A-Z]*=//p'
		fi
	done
}
`;

export function renderAdaptNetwork(): string {
  return "adapt_network\n";
}
