/** Shell for a site's own scripts before the disks are touched and after the boot loader is in place. */

export const stageFunctions = `# --- The site's own scripts ------------------------------------------------------------------------------------------
# fetch_scripts STAGE FOLDER: the scripts that the server has for this node, and what lies beside them. Prints how many run.
fetch_scripts() {
	ingot_fetch "/node/scripts/$1" "$WORK/$1.list" || fail "The list of $1 scripts cannot be fetched"
	sed -n 's/^run //p' "$WORK/$1.list" >"$WORK/$1.run"
	if [ ! -s "$WORK/$1.run" ]; then
		return 0
	fi
	rm -rf "$2"
	must "The folder for $1 scripts cannot be made" mkdir -p "$2"
	chmod 0700 "$2"
	sed -n -e 's/^run //p' -e 's/^file //p' "$WORK/$1.list" >"$WORK/$1.files"
	while read -r name; do
		ingot_fetch "/node/scripts/$1/$name" "$2/$name" </dev/null || fail "The $1 script $name cannot be fetched"
		chmod 0700 "$2/$name"
	done <"$WORK/$1.files"
	ingot_fetch /node/variables "$2/variables.txt" || fail "The variables for $1 scripts cannot be fetched"
}

# run_pre_install: in the ramdisk. What a script leaves in /tmp/pre-install_variables.txt holds for all that follows.
run_pre_install() {
	fetch_scripts pre-install "$WORK/pre-install"
	while read -r name; do
		say "Running the pre-install script $name"
		(cd "$WORK/pre-install" && cp variables.txt /tmp/variables.txt && "./$name" </dev/null) || fail "The pre-install script $name ended with code $?"
	done <"$WORK/pre-install.run"
	if [ -f /tmp/pre-install_variables.txt ]; then
		# It is there in the ramdisk only.
		# shellcheck source=/dev/null
		. /tmp/pre-install_variables.txt
	fi
}

# run_post_install: in the new system, from /tmp/post-install.
run_post_install() {
	fetch_scripts post-install "$TARGET/tmp/post-install"
	while read -r name; do
		say "Running the post-install script $name"
		in_image "/tmp/post-install/$name" || fail "The post-install script $name ended with code $?"
	done <"$WORK/post-install.run"
	rm -rf "$TARGET/tmp/post-install"
}
`;
