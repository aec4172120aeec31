/** Writes to a tree without rest until it is killed: every file it writes is of one letter, so a torn one shows. */
import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { seeded } from "./random.ts";

const [root = ""] = process.argv.slice(2);
const random = seeded("live writer");
process.stdout.write("go\n");
for (;;) {
  const file = path.join(root, `live-${random.below(20)}`);
  const letter = random.pick(["a", "b", "c", "d"]);
  const kind = random.below(6);
  try {
    if (kind === 0) {
      rmSync(file, { recursive: true, force: true });
    } else if (kind === 1) {
      truncateSync(file, 0);
      writeFileSync(file, letter.repeat(1 + random.below(400_000)), { flag: "r+" });
    } else if (kind === 2) {
      appendFileSync(file, "+".repeat(1 + random.below(50_000)));
    } else if (kind === 3) {
      writeFileSync(`${file}.new`, letter.repeat(200_000));
      renameSync(`${file}.new`, file);
    } else if (kind === 4) {
      rmSync(file, { recursive: true, force: true });
      mkdirSync(file);
    } else {
      writeFileSync(file, letter.repeat(1 + random.below(400_000)));
    }
  } catch {
    // A directory stands where a file was to be written, or nothing where one was to be cut: the next turn is another.
  }
}
