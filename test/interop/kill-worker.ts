/** A process of its own that copies a tree with the engine, to be killed. Says `go` when it begins to apply. */
import { copyTree } from "./tree-copy.ts";

const [source, target] = process.argv.slice(2);
if (source === undefined || target === undefined) {
  throw new Error("Usage: kill-worker SOURCE TARGET");
}
// Everything is taken for changed: no listing shows attributes, and so every file is renamed over.
await copyTree(source, target, { suspect: () => true, beforeApply: () => process.stdout.write("go\n") });
