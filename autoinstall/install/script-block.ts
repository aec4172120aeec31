/** How steps name block devices in the script. */
import { quoteWord } from "../../base/posix-quote.ts";
import type { BlockReference } from "./steps.ts";

/** The shell variable that holds a partition's size in MiB or its start, or a device's node or UUID. */
export function variable(prefix: "SIZE" | "START" | "DEVICE" | "UUID", place: BlockReference): string {
  return "node" in place ? `${prefix}_${place.name}` : `${prefix}_${place.disk}_${place.partition}`;
}

/** A device as a word of the script, without a variable of its own. */
export function deviceWord(place: BlockReference): string {
  return "node" in place ? quoteWord(place.node) : `"$(partition "$DISK_${place.disk}" ${place.partition})"`;
}

/** What sets a variable to the device. */
export function deviceValue(place: BlockReference): string {
  return "node" in place ? quoteWord(place.node) : `$(partition "$DISK_${place.disk}" ${place.partition})`;
}

/** A value from a file inside a comment of the script: it must not end the line. */
export function comment(text: string): string {
  return text.replace(/[^\u{20}-\u{7e}]/gu, "?");
}
