/** How much an image puts into the filesystems of its layout, asked of the daemon. */
import { ImageContent } from "../../api/schema/image.ts";
import type { CommandContext } from "../command.ts";
import type { Source } from "./layout.ts";

interface Content {
  readonly image: string;
  readonly version: number;
  readonly treeBytes: number;
  readonly entries: number;
  /** Bytes by mount point. */
  readonly used: ReadonlyMap<string, number>;
}

/** Undefined for a layout that is a file: it belongs to no image yet. */
export async function imageContent(context: CommandContext, source: Source): Promise<Content | undefined> {
  if (source.file !== undefined) {
    return undefined;
  }
  const [name = "", version] = source.name.split("@");
  const query = version === undefined ? "" : `?version=${encodeURIComponent(version)}`;
  const path = `/api/images/${encodeURIComponent(name)}/content${query}`;
  const answer = ImageContent.parse(await context.api().call("GET", path));
  const used = new Map(answer.filesystems.map(({ mountPoint, bytes }) => [mountPoint, bytes]));
  return {
    image: answer.image,
    version: answer.version,
    treeBytes: answer.bytes,
    entries: answer.entries,
    used,
  };
}
