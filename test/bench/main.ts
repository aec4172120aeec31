/** Measures Ingot beside its peers: `npm run bench -- NAME`. Prints tables in Markdown. Needs root. */
import { parseArgs } from "node:util";
import { benchInstall } from "./install.ts";
import { benchMemory } from "./memory.ts";
import { benchNetboot } from "./netboot.ts";
import { benchStores } from "./store.ts";
import { benchTree } from "./tree.ts";

export interface BenchOptions {
  /** How much of the full size. */
  readonly scale: number;
  readonly rounds: number;
  /** Where all of it lies while it runs. */
  readonly folder: string;
  /** Parts of the bench; all unless told. */
  readonly only?: readonly string[];
}

/** Each bench says at its file's head what it needs. */
const benches: Readonly<Record<string, (options: BenchOptions) => Promise<void>>> = {
  tree: benchTree,
  install: benchInstall,
  netboot: benchNetboot,
  store: benchStores,
  memory: benchMemory,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scale: { type: "string", default: "0.1" },
    rounds: { type: "string", default: "3" },
    folder: { type: "string", default: "/dev/shm/ingot-bench" },
    only: { type: "string" },
  },
});
const bench = benches[positionals[0] ?? ""];
if (bench === undefined) {
  throw new Error(
    `Usage: npm run bench -- ${Object.keys(benches).join("|")} [--scale 0.1] [--rounds 3] [--only PART,PART] [--folder /dev/shm/ingot-bench]`,
  );
}
await bench({
  scale: Number(values.scale),
  rounds: Number(values.rounds),
  folder: values.folder,
  ...(values.only === undefined ? {} : { only: values.only.split(",") }),
});
