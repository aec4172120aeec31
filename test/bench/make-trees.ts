/** The trees of the benchmark, the same at every run. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { seeded } from "../interop/random.ts";

export interface BenchTree {
  readonly name: string;
  make(root: string, scale: number): void;
}

export const benchTreeKinds: readonly BenchTree[] = [
  {
    name: "small files (100,000 of 1 to 7 KB)",
    make: (root, scale) => makeFiles(root, { count: 100_000 * scale, least: 1024, most: 7168, each: 100 }),
  },
  {
    name: "middling files (20,000 of 4 to 64 KB)",
    make: (root, scale) => makeFiles(root, { count: 20_000 * scale, least: 4096, most: 65_536, each: 40 }),
  },
  {
    name: "large files (20 of 200 MB)",
    make: (root, scale) => makeFiles(root, { count: 20, least: 2e8 * scale, most: 2e8 * scale, each: 20 }),
  },
];

interface Files {
  readonly count: number;
  readonly least: number;
  readonly most: number;
  /** Files in a directory. */
  readonly each: number;
}

function makeFiles(root: string, files: Files): void {
  const random = seeded("benchmark trees", 1);
  const noise = random.bytes(1_000_000);
  const pool = Buffer.concat([noise, noise.subarray(0, 70_000)]);
  for (let i = 0; i < files.count; i++) {
    const group = Math.floor(i / files.each);
    const folder = path.join(root, `d${Math.floor(group / 30)}`, `s${group}`);
    if (i % files.each === 0) {
      mkdirSync(folder, { recursive: true });
    }
    const size = Math.floor(files.least + random.below(files.most - files.least + 1));
    const start = random.below(1_000_000);
    const content =
      size <= 70_000
        ? pool.subarray(start, start + size)
        : Buffer.concat(Array.from({ length: Math.ceil(size / noise.length) }, () => noise)).subarray(
            0,
            size,
          );
    writeFileSync(path.join(folder, `file-${i}`), content);
  }
}
