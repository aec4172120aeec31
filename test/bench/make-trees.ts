/** The trees of the benchmark, the same at every run, and the changes made to them. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";
import { debianTar } from "../interop/debian-tree.ts";
import { seeded } from "../interop/random.ts";

export interface BenchTree {
  readonly name: string;
  make(root: string, scale: number): void;
}

export const benchTrees: Readonly<Record<string, BenchTree>> = {
  debian: { name: "Debian system", make: makeDebian },
  small: {
    name: "100,000 files of 1 to 16 KB",
    make: (root, scale) => makeFiles(root, { count: 100_000 * scale, least: 1024, most: 16_384, each: 100 }),
  },
  many: {
    name: "200,000 files of 64 bytes",
    make: (root, scale) => makeFiles(root, { count: 200_000 * scale, least: 64, most: 64, each: 100 }),
  },
  large: {
    name: "20 files of 200 MB",
    make: (root, scale) => makeFiles(root, { count: 20, least: 2e8 * scale, most: 2e8 * scale, each: 20 }),
  },
  one: {
    name: "one file of 2 GB",
    make: (root, scale) => makeFiles(root, { count: 1, least: 2e9 * scale, most: 2e9 * scale, each: 1 }),
  },
};

/** As a capture takes it from a machine that Ingot knows: a node notes there what it was brought to. */
export function makeTree(part: string, root: string, scale: number): void {
  benchTrees[part]?.make(root, scale);
  mkdirSync(path.join(root, "etc/systemimager"), { recursive: true });
}

/** A small Debian as mmdebstrap makes it; where that cannot be, what comes first of this machine's /usr. */
function makeDebian(root: string): void {
  mkdirSync(root, { recursive: true });
  try {
    const archive = debianTar({ suite: "bookworm", packages: ["perl", "openssh-server"] });
    execFileSync("tar", ["-C", root, "--exclude=./dev/*", "-xpf", archive, "--numeric-owner"]);
  } catch {
    console.error("No Debian system could be made: 400 MB of /usr stand for it");
    copyUsr(root, 4e8);
  }
}

/** Bounded: some /usr are larger than the memory that the trees lie in. */
function copyUsr(root: string, most: number): void {
  const listed = execFileSync("find", ["/usr", "-xdev", "-printf", "%s %P\\0"], {
    encoding: "latin1",
    maxBuffer: 1e9,
  });
  let names = "";
  let bytes = 0;
  for (const record of listed.split("\0").sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
    bytes += Number.parseInt(record, 10) || 0;
    if (bytes > most) {
      break;
    }
    names += nameOf(record) === "" ? "" : `${nameOf(record)}\0`;
  }
  const options = ["-C", "/usr", "-cf", "-", "--no-recursion", "--null", "-T", "-"];
  const archive = execFileSync("tar", options, { input: Buffer.from(names, "latin1"), maxBuffer: 2 * most });
  execFileSync("tar", ["-C", root, "-xpf", "-"], { input: archive });
}

function nameOf(record: string): string {
  return record.slice(record.indexOf(" ") + 1);
}

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
  for (let i = 0; i < files.count; i++) {
    const group = Math.floor(i / files.each);
    const folder = path.join(root, `d${Math.floor(group / 30)}`, `s${group}`);
    if (i % files.each === 0) {
      mkdirSync(folder, { recursive: true });
    }
    const size = Math.floor(files.least + random.below(files.most - files.least + 1));
    const file = openSync(path.join(folder, `file-${i}`), "w");
    for (let written = 0; written < size; ) {
      const start = random.below(900_000);
      written += writeSync(file, noise, start, Math.min(size - written, 1_000_000 - start));
    }
    closeSync(file);
  }
}

/** Gives every hundredth file another content; another hundredth at each turn. */
export function changeOnePercent(root: string, turn: number): void {
  const files = execFileSync("find", [root, "-type", "f", "-size", "-1024k"], {
    encoding: "latin1",
    maxBuffer: 1e9,
  })
    .trim()
    .split("\n")
    .sort();
  for (const [index, file] of files.entries()) {
    if (index % 100 === turn % 100) {
      writeFileSync(Buffer.from(file, "latin1"), `changed in turn ${turn}, ${"x".repeat(4000)}`);
    }
  }
}

/** Writes a megabyte into the middle of the largest file. */
export function changeOneMegabyte(root: string, turn: number): void {
  const [line = ""] = execFileSync("find", [root, "-type", "f", "-printf", "%s %p\\n"], {
    encoding: "latin1",
  })
    .trim()
    .split("\n")
    .sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10));
  const [size = "", ...name] = line.split(" ");
  const file = openSync(name.join(" "), "r+");
  const at = Math.floor(Number(size) / 3) + turn * 1_000_003;
  writeSync(file, seeded(`megabyte ${turn}`, turn).bytes(1_000_000), 0, 1_000_000, at);
  closeSync(file);
}
