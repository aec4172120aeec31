/** What a node can keep of an image, given its tools: plans compare and set only that, or every update would find the same again. */
import type { ToolFacts } from "../capture/facts.ts";
import { keepsWholeSeconds, tarBefore } from "../capture/tool-limits.ts";
import type { ExtendedAttributes, FileEntry, Timestamp } from "../entry.ts";
import { flagsOf, withFlags } from "../sync/flags.ts";
import type { TarDialect } from "../tar/gnu-encode.ts";
import type { UpdatePlanInput } from "./plan.ts";

/** The entry as this node can hold it: known to have no attributes, with a time in whole seconds, a link with none. */
function asKept(entry: FileEntry, tools: ToolFacts): FileEntry {
  const mtime = timeKept(entry, tools);
  const extended = attributesKept(entry.extended, tools);
  if (mtime === entry.mtime && extended === entry.extended) {
    return entry;
  }
  return extended === undefined ? { ...entry, mtime } : { ...entry, mtime, extended };
}

function attributesKept(
  extended: ExtendedAttributes | undefined,
  tools: ToolFacts,
): ExtendedAttributes | undefined {
  if (!tools.tarXattrs) {
    return [];
  }
  return tools.flags === true || extended === undefined || flagsOf(extended) === ""
    ? extended
    : withFlags(extended, "");
}

function timeKept({ kind, mtime }: FileEntry, tools: ToolFacts): Timestamp {
  if (kind === "symlink" && tools.losesLinkTimes === true) {
    return { seconds: 0, nanoseconds: 0 };
  }
  return keepsWholeSeconds(tools) && mtime.nanoseconds !== 0 ? { ...mtime, nanoseconds: 0 } : mtime;
}

/** What a plan for this node needs to know; nothing where the node keeps everything. */
export function keeperOf(tools: ToolFacts): Pick<UpdatePlanInput, "kept" | "attributesKept"> {
  const everything =
    tools.tarXattrs && tools.flags === true && tools.losesLinkTimes !== true && !keepsWholeSeconds(tools);
  return everything
    ? {}
    : {
        kept: (entry) => asKept(entry, tools),
        attributesKept: (extended) => attributesKept(extended, tools),
      };
}

/** Tars of before 1.16 read the sparse files of their own time only, those of before 1.14 no pax records at all. */
export function dialectOf(tools: ToolFacts): TarDialect | undefined {
  return tools.busyboxTar === true ? "busybox" : tarBefore(tools, 1, 16) ? "gnu" : undefined;
}
