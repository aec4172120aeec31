/** Two texts as a unified diff: the only user of the diff package. */
import { createTwoFilesPatch } from "diff";
import { AppError } from "../../base/errors.ts";

export interface NamedText {
  /** What stands after `---` or `+++`. */
  readonly name: string;
  readonly text: string;
}

/** The patch from one to the other; empty where both are the same. Texts that differ without end are `refused`. */
export function textDiff(before: NamedText, after: NamedText): string {
  if (before.text === after.text) {
    return "";
  }
  const patch = createTwoFilesPatch(before.name, after.name, before.text, after.text, "", "", {
    context: 3,
    timeout: 20_000,
  });
  if (patch === undefined) {
    throw new AppError(
      "refused",
      `${before.name} and ${after.name} differ too much to be shown line by line`,
    );
  }
  // The package begins with a line of its own that patch(1) does not know.
  return patch.replace(/^=+\n/, "").replace(/^(---|\+\+\+) (.*)\t$/gm, "$1 $2");
}
