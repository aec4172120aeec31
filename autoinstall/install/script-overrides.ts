/** Shell that lays the node's overrides over the image. */
import type { InstallStep } from "./steps.ts";

type StepOf<Kind extends InstallStep["kind"]> = Extract<InstallStep, { kind: Kind }>;

export const overrideFunctions = `# --- Overrides -------------------------------------------------------------------------------------------------------
# lay_overrides QUERY: unpacks what the overrides lay, over what stands there. OVERRIDES names their versions.
lay_overrides() {
	{
		ingot_fetch "/node/overrides/tree?over=$OVERRIDES$1"
		echo $? >"$WORK/fetch.code"
	} | {
		tar --extract --file=- --directory="$TARGET" --numeric-owner --same-owner --same-permissions \\
			--xattrs '--xattrs-include=*' --xattrs-exclude=trusted.ingot.flags --delay-directory-restore
		echo $? >"$WORK/tar.code"
	}
	if [ "$(cat "$WORK/fetch.code")$(cat "$WORK/tar.code")" != 00 ]; then
		fail "The overrides $OVERRIDES could not be laid: fetching ended with $(cat "$WORK/fetch.code"), tar with $(cat "$WORK/tar.code")"
	fi
}

# clear_for_overrides: removes what stands where an override has something of another kind.
clear_for_overrides() {
	ingot_fetch "/node/overrides/clear?over=$OVERRIDES" "$WORK/clear" || fail "What overrides replace cannot be fetched"
	if [ -s "$WORK/clear" ]; then
		(cd "$TARGET" && xargs -0 rm -rf -- <"$WORK/clear") || fail "What overrides replace cannot be removed"
	fi
}
`;

export function renderLayOverrides(step: StepOf<"lay-overrides">): string {
  if (step.identity) {
    return [
      "# What of the overrides is the machine's identity stands above what was made just now.",
      'if [ -n "$OVERRIDES" ]; then',
      "\tlay_overrides '&only=identity'",
      "fi",
      "",
    ].join("\n");
  }
  return [
    "# What the server lays over the image on this node: its own overrides, its groups' and everybody's, as they are now.",
    'OVERRIDES=$(ingot_fetch /node/overrides) || fail "The list of overrides cannot be fetched"',
    'if [ -n "$OVERRIDES" ]; then',
    '\tsay "Laying overrides over the tree: $OVERRIDES"',
    "\tclear_for_overrides",
    "\tlay_overrides ''",
    "fi",
    "",
  ].join("\n");
}
