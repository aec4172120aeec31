/** Which overrides lie over an image on a node, by their names. */
import { type ImageName, parseImageName } from "../../images/manifest.ts";

/** The override of all nodes. */
export const everybody = "all";

export interface OverriddenNode {
  readonly name: string;
  /** The first decides over those behind it. */
  readonly groups: readonly string[];
}

/** From the weakest to the strongest: that of the image, of all nodes, of the node's groups, of the node. */
export function overrideNames(node: OverriddenNode, image: string): readonly ImageName[] {
  const short = node.name.replace(/\..*$/s, "");
  const names = [image, everybody, ...[...node.groups].reverse(), short, node.name];
  // A name that stands for two of them has the stronger one's place.
  return names
    .filter((name, at) => names.lastIndexOf(name) === at)
    .map(parseImageName)
    .flatMap((name) => (name.ok ? [name.value] : []));
}
