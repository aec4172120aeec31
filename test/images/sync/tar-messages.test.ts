import { describe, expect, it } from "vitest";
import { parseTarMessages } from "../../../images/sync/tar-messages.ts";

describe("parseTarMessages()", () => {
  const torn = ["a/b"];
  it.each([
    ["a file that changed", "tar: ./a/b: file changed as we read it", { torn }],
    ["a file that shrank", "tar: ./a/b: File shrank by 512 bytes; padding with zeros", { torn }],
    [
      "a read error",
      "tar: ./a/b: Read error at byte 0, while reading 512 bytes: Input/output error",
      { torn },
    ],
    ["a file that is gone", "tar: ./a/b: File removed before we read it", { vanished: torn }],
    ["one that was gone before", "tar: ./a/b: Cannot stat: No such file or directory", { vanished: torn }],
    ["a parent that is no directory", "/bin/tar: ./a/b: Cannot open: Not a directory", { vanished: torn }],
    ["escaped bytes", "tar: ./caf\\351\\n: file changed as we read it", { torn: ["caf\xe9\n"] }],
    ["a colon in a name", "tar: ./a: b: file changed as we read it", { torn: ["a: b"] }],
    ["a path that leaves the tree", "tar: ../x: file changed as we read it", { other: 1 }],
    ["the summary, which says nothing", "tar: Exiting with failure status due to previous errors", {}],
    ["anything else", "tar: ./s: socket ignored", { other: 1 }],
  ])("understands %s", (_what, line, wanted: { torn?: string[]; vanished?: string[]; other?: number }) => {
    const messages = parseTarMessages(`${line}\n`);

    expect(messages.torn).toEqual(wanted.torn ?? []);
    expect(messages.vanished).toEqual(wanted.vanished ?? []);
    expect(messages.other).toHaveLength(wanted.other ?? 0);
  });
});
