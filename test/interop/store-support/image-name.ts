import { type ImageName, parseImageName } from "../../../images/manifest.ts";

/** The image name that a test writes down. */
export function imageName(text: string): ImageName {
  const name = parseImageName(text);
  if (!name.ok) {
    throw new Error(name.error);
  }
  return name.value;
}
