# shellcheck shell=sh
# What a machine is made of, as one JSON object: ingot_hardware prints it. Wants node.sh for ingot_json_text.

# The first line of a file, or nothing.
ingot_first_line() {
	if [ -r "$1" ]; then
		head -n 1 "$1" 2>/dev/null | head -c 256
	fi
}

# ingot_field KEY FILE: a JSON member with the file's first line, and a comma.
ingot_field() {
	printf '"%s":"%s",' "$1" "$(ingot_json_text "$(ingot_first_line "$2")")"
}

# Secure Boot's variable: four bytes of attributes, then 1 or 0.
ingot_secure_boot() {
	variable=/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
	if [ -r "$variable" ] && [ "$(tail -c 1 "$variable" | od -An -tu1 | tr -d ' ')" = 1 ]; then
		echo true
	else
		echo false
	fi
}

ingot_network_cards() {
	comma=
	for folder in /sys/class/net/*; do
		if [ ! -e "$folder/device" ]; then
			continue
		fi
		driver=$(readlink "$folder/device/driver" 2>/dev/null || true)
		speed=$(cat "$folder/speed" 2>/dev/null || true)
		case $speed in
		'' | *[!0-9]*) speed=0 ;; # no link, or a driver that does not tell
		esac
		link=false
		if [ "$(cat "$folder/carrier" 2>/dev/null)" = 1 ]; then
			link=true
		fi
		printf '%s{"name":"%s","mac":"%s","driver":"%s","speed":%s,"link":%s}' "$comma" \
			"$(ingot_json_text "${folder##*/}")" "$(ingot_json_text "$(cat "$folder/address")")" \
			"$(ingot_json_text "${driver##*/}")" "$speed" "$link"
		comma=,
	done
}

ingot_hardware() {
	dmi=/sys/class/dmi/id
	printf '{'
	ingot_field vendor "$dmi/sys_vendor"
	ingot_field product "$dmi/product_name"
	ingot_field serial "$dmi/product_serial"
	ingot_field uuid "$dmi/product_uuid"
	ingot_field board "$dmi/board_name"
	ingot_field biosVersion "$dmi/bios_version"
	if [ -d /sys/firmware/efi ]; then
		printf '"firmware":"uefi","secureBoot":%s,' "$(ingot_secure_boot)"
	else
		printf '"firmware":"bios","secureBoot":false,'
	fi
	printf '"machine":"%s","cpuModel":"%s","cpuThreads":%s,"cpuSockets":%s,' "$(uname -m)" \
		"$(ingot_json_text "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)")" \
		"$(grep -c '^processor' /proc/cpuinfo)" \
		"$(cat /sys/devices/system/cpu/cpu[0-9]*/topology/physical_package_id | sort -u | wc -l)"
	printf '"memory":%s,' "$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
	printf '"nics":[%s],' "$(ingot_network_cards)"
	# --nodeps: whole disks; loop devices, ramdisks, floppies and optical drives are none.
	disks=$(lsblk --json --bytes --nodeps --exclude 1,2,7,11 --output NAME,SIZE,ROTA,TRAN,MODEL,SERIAL,WWN) ||
		disks='{"blockdevices":[]}'
	printf '"lsblk":%s}\n' "${disks:-{\"blockdevices\":[]\}}"
}
