/**
 * Writes to a tree without rest until it is killed, as the programs of a running machine do. Whole contents are of one letter, so a torn
 * one shows; a log is of numbered lines, so a hole in it shows.
 */
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";

const [root = ""] = process.argv.slice(2);
const file = (name: string) => path.join(root, name);

/** Written in pieces, so that who reads meanwhile gets some of the old and some of the new. */
function rewriteInPlace(name: string, letter: string): void {
  const { atime, mtime } = statSync(file(name));
  const fd = openSync(file(name), "r+");
  for (let piece = 0; piece < 32; piece++) {
    writeSync(fd, letter.repeat(65_536), piece * 65_536);
  }
  closeSync(fd);
  utimesSync(file(name), atime, mtime);
}

writeFileSync(file("hidden"), "a".repeat(32 * 65_536));
utimesSync(file("hidden"), 1_600_000_000, 1_600_000_000);
process.stdout.write("go\n");
for (let turn = 0; ; turn++) {
  const letter = "abcd"[turn % 4] as string;
  rewriteInPlace("hidden", letter);
  appendFileSync(file("log"), `line ${turn}\n`);
  writeFileSync(file("renamed.new"), letter.repeat(300_000));
  renameSync(file("renamed.new"), file("renamed"));
  writeFileSync(file(`brief-${turn % 7}`), letter);
  rmSync(file(`brief-${(turn + 3) % 7}`), { force: true });
  rmSync(file("either"), { recursive: true, force: true });
  if (turn % 2 === 0) {
    mkdirSync(file("either"));
    writeFileSync(file("either/below"), letter);
  } else {
    writeFileSync(file("either"), letter);
  }
}
