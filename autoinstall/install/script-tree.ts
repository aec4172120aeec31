/** Shell for the phases write and verify. */
import { quoteWord } from "../../base/posix-quote.ts";
import { installRoot } from "./plan.ts";
import { type InstallStep, phasePercents } from "./steps.ts";

type StepOf<Kind extends InstallStep["kind"]> = Extract<InstallStep, { kind: Kind }>;

const recordBytes = 10_240;

export const treeFunctions = `# --- The tree --------------------------------------------------------------------------------------------------------
# write_tree: fetches the version and unpacks it. A pipe tells only how its last command ended, so each one leaves its
# own code behind. ACLs, capabilities and labels come as the xattrs that they are: with --acls, tar would take them away again.
write_tree() {
	{
		ingot_fetch /node/tree
		echo $? >"$WORK/fetch.code"
	} | {
		zstd --decompress --stdout --quiet
		echo $? >"$WORK/unpack.code"
	} | {
		tar --extract --file=- --directory="$TARGET" --numeric-owner --same-owner --same-permissions \\
			--xattrs '--xattrs-include=*' --xattrs-exclude=trusted.ingot.flags --delay-directory-restore \\
			--checkpoint="$1" --checkpoint-action=exec="sh '$WORK/progress.sh' &"
		echo $? >"$WORK/tar.code"
	}
	for stage in fetch unpack tar; do
		if [ "$(cat "$WORK/$stage.code")" != 0 ]; then
			fail "The tree could not be written: fetching ended with $(cat "$WORK/fetch.code"), unpacking with $(cat "$WORK/unpack.code"), tar with $(cat "$WORK/tar.code"); $(df -P "$TARGET" | sed -n '2s/.* \\([0-9]*%\\) .*/\\1/p') of / is full"
		fi
	done
}

# ask_verdict: posts the listing and the digests; the server compares them with the version.
ask_verdict() {
	length=$(wc -c <"$WORK/listing")
	cat "$WORK/digests" >>"$WORK/listing" || fail "There is no room for the listing of the tree"
	if ! ingot_post "/node/verify?listing=$((length))\${OVERRIDES:+&over=$OVERRIDES}" "$WORK/listing" >"$WORK/verdict"; then
		fail "What was written is not what the version holds: $(head -c 2000 "$WORK/verdict")"
	fi
	mv "$WORK/verdict" "$WORK/flags"
	rm -f "$WORK/listing" "$WORK/digests"
}

# set_flags: what the version has as immutable or append-only becomes so when nothing is written any more.
set_flags() {
	[ -s "$WORK/flags" ] || return 0
	# shellcheck disable=SC2016 # the inner shell's words
	(cd "$TARGET" && xargs -0 -n 2 sh -c 'chattr "+$1" -- "$2"' ingot <"$WORK/flags") ||
		say "Some files could not be made immutable or append-only: the next update tries again"
}
`;

export function renderWriteTree(step: StepOf<"write-tree">): string {
  const span = phasePercents.verify - phasePercents.write;
  const records = Math.max(1, Math.ceil(step.bytes / recordBytes));
  const every = Math.max(512, Math.ceil(records / 100));
  return [
    "# tar runs this every so often with the number of 10 KiB records it has read.",
    `cat >"$WORK/progress.sh" <<'END'`,
    `. "\${INGOT_LIBRARY:-/lib/ingot/node.sh}"`,
    `bytes=$((TAR_CHECKPOINT * ${recordBytes}))`,
    `percent=$((${phasePercents.write} + TAR_CHECKPOINT * ${span} / ${records}))`,
    `if [ "$percent" -gt ${phasePercents.verify} ]; then`,
    `\tpercent=${phasePercents.verify}`,
    "fi",
    `ingot_report write "$percent" "$((bytes / 1048576)) of ${Math.ceil(step.bytes / 1024 ** 2)} MiB" "$bytes"`,
    "END",
    `write_tree ${every}`,
    `reach ${phasePercents.verify} "${step.files} files are written"`,
    "",
  ].join("\n");
}

export function renderVerifyTree(step: StepOf<"verify-tree">): string {
  const prunes = step.prune
    .map((path) => `-path ${quoteWord(`./${escapePattern(path)}`)} -prune -o `)
    .join("");
  // The command names the usual root; the script may have been told another one.
  const command = step.command.replace(installRoot, '"$TARGET"');
  return [
    "# Read back from the disk, not from memory.",
    "sync",
    "echo 3 >/proc/sys/vm/drop_caches || true",
    `(${command}) >"$WORK/listing" || fail "The tree that was written cannot be listed"`,
    `(cd "$TARGET" && LC_ALL=C find . -noleaf ${prunes}-type f -exec sha256sum -z '{}' +) >"$WORK/digests" ||`,
    `\tfail "A file that was written cannot be read back"`,
    "ask_verdict",
    'say "The tree is as the version has it"',
    "",
  ].join("\n");
}

/** A path as a literal pattern of find's -path. */
function escapePattern(path: string): string {
  return path.replace(/[\\*?[]/g, "\\$&");
}
