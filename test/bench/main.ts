/**
 * Measures the engine beside its peers: `npm run bench -- tree [--scale 0.1] [--rounds 3] [--folder /dev/shm/ingot-bench]`.
 * Prints a table in Markdown. Needs root, sshd, rsync, GNU time and tar.
 */
import { parseArgs } from "node:util";
import { benchTrees } from "./tree.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scale: { type: "string", default: "0.1" },
    rounds: { type: "string", default: "3" },
    folder: { type: "string", default: "/dev/shm/ingot-bench" },
  },
});
if (positionals[0] !== "tree") {
  throw new Error("Usage: npm run bench -- tree [--scale 0.1] [--rounds 3] [--folder /dev/shm/ingot-bench]");
}
await benchTrees({ scale: Number(values.scale), rounds: Number(values.rounds), folder: values.folder });
