/** What a node can keep of an image, given its tools: plans compare and set only that, or every update would find the same again. */
import type { ToolFacts } from "../capture/facts.ts";
import { keepsWholeSeconds, tarBefore } from "../capture/tool-limits.ts";
import type { FileEntry, ListedEntry } from "../entry.ts";
import type { TarDialect } from "../tar/gnu-encode.ts";

/** The entry as this node can hold it: known to have no attributes, with a time in whole seconds. */
export function asKept(entry: FileEntry, tools: ToolFacts): FileEntry {
  const coarse = keepsWholeSeconds(tools) && entry.mtime.nanoseconds !== 0;
  if (!coarse && tools.tarXattrs) {
    return entry;
  }
  const mtime = coarse ? { seconds: entry.mtime.seconds, nanoseconds: 0 } : entry.mtime;
  return tools.tarXattrs ? { ...entry, mtime } : { ...entry, mtime, extended: [] };
}

export function listedAsKept(listed: ListedEntry, tools: ToolFacts): ListedEntry {
  const entry = asKept(listed.entry, tools);
  return entry === listed.entry ? listed : { ...listed, entry };
}

/** Tars of before 1.16 read the sparse files of their own time only, those of before 1.14 no pax records at all. */
export function dialectOf(tools: ToolFacts): TarDialect | undefined {
  return tools.busyboxTar === true ? "busybox" : tarBefore(tools, 1, 16) ? "gnu" : undefined;
}
