import { describe, expect, it } from "vitest";
import { fromLatin1 } from "../../../base/bytes.ts";
import { StatListingDecoder } from "../../../images/sync/stat-listing.ts";

const word = "0123456789abcdef0123456789abcdef";
const facts =
  "f 81a4 1 2 5 8 -312753294 1960-02-03 04:05:06.000000001 +0000 17 1970-01-01 00:00:17.5 9:7 1 0:0 ";
const record = (name: string, text = facts.replace("17.5", "17.500000000"), link = `'${name}'`) =>
  `\n${word}${text}${word}n${name}${word}l${link}`;
const root = record(".", "f 41ed 0 0 4096 8 0 1970-01-01 00:00:00 0 1970-01-01 00:00:00 9:2 3 0:0 ");
const end = (codes: string) => `\n${word}e ${codes}\n`;

function decode(text: string, cut = text.length) {
  const decoder = new StatListingDecoder();
  const first = decoder.write(fromLatin1(text.slice(0, cut)));
  const second = first.ok ? decoder.write(fromLatin1(text.slice(cut))) : first;
  const last = second.ok ? decoder.end() : second;
  return first.ok && second.ok && last.ok ? [...first.value, ...second.value] : last;
}

describe("StatListingDecoder", () => {
  it("reads names and links that hold anything, however the stream is cut", () => {
    const link = "f a1ff 0 0 5 0 1 1970-01-01 00:00:01 1 1970-01-01 00:00:01 9:8 1 0:0 ";
    const name = "./a' -> 'b\nc";
    const text = `${word}${root}${record("./x")}${record(name, link, `'${name}' -> 'to' '\n'`)}${end("0 0")}`;

    for (let cut = 0; cut <= text.length; cut++) {
      const entries = decode(text, cut);

      expect(entries).toMatchObject([
        { entry: { kind: "directory", path: "", mode: 0o755 }, inode: "9:2", linkCount: 3 },
        {
          entry: { kind: "file", path: "x", size: 5, mtime: { seconds: -312753294, nanoseconds: 1 } },
          ctime: { seconds: 17, nanoseconds: 500000000 },
          allocated: 4096,
        },
        { entry: { kind: "symlink", path: "a' -> 'b\nc", target: "to' '\n" } },
      ]);
    }
  });

  it.each([
    ["is cut short", `${word}${root}`],
    ["ends with a find that failed", `${word}${root}${end("2 0")}`],
    ["ends with a stat that was killed", `${word}${root}${end("0 125")}`],
    ["has no word", `${root}${end("0 0")}`],
    ["leaves the tree", `${word}${root}${record("../x")}${end("0 0")}`],
    ["has facts that are none", `${word}${root}${record("./x", "f 81a4 1 2 5 ")}${end("0 0")}`],
    ["has a fourth part", `${word}${root}${record("./x")}${word}z${end("0 0")}`],
    [
      "has a link without a target",
      `${word}${root}${record("./x", facts.replace("81a4", "a1ff"))}${end("0 0")}`,
    ],
  ])("refuses a listing that %s", (_, text) => {
    expect(decode(text)).toMatchObject({ ok: false });
  });
});
