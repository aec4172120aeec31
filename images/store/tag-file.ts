/** Names that people gave to versions: one small file for each image, `{"stable": 3}`. */
import { AppError } from "../../base/errors.ts";
import { type ImageName, parseTag } from "../manifest.ts";
import { readIfThere } from "./durable-file.ts";
import { type StorePaths, tagsPathOf } from "./store-paths.ts";

export type Tags = ReadonlyMap<string, number>;

/** An image's tags, by name. */
export async function readTags(paths: StorePaths, image: ImageName): Promise<Tags> {
  const bytes = await readIfThere(tagsPathOf(paths, image));
  if (bytes === undefined) {
    return new Map();
  }
  const tags = parseTags(bytes.toString("utf8"));
  if (tags === undefined) {
    throw new AppError("corrupt", `The tags of image ${image} cannot be read`, {
      hint: `Restore ${tagsPathOf(paths, image)} from a backup, or remove it and tag again.`,
      fields: { image },
    });
  }
  return tags;
}

function parseTags(text: string): Tags | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) {
    return undefined;
  }
  const tags = Object.entries(value);
  return tags.every(([tag, number]) => parseTag(tag).ok && Number.isSafeInteger(number) && number > 0)
    ? new Map(tags as [string, number][])
    : undefined;
}
