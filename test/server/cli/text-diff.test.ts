import { describe, expect, it } from "vitest";
import { textDiff } from "../../../server/cli/text-diff.ts";

const before = { name: "a/etc/motd", text: "one\ntwo\nthree\n" };

describe("textDiff()", () => {
  it("is what diff -u says", () => {
    expect(textDiff(before, { name: "b/etc/motd", text: "one\n2\nthree" })).toBe(
      "--- a/etc/motd\n+++ b/etc/motd\n@@ -1,3 +1,3 @@\n one\n-two\n-three\n+2\n+three\n\\ No newline at end of file\n",
    );
  });

  it("is empty for the same text", () => {
    expect(textDiff(before, { ...before, name: "b" })).toBe("");
  });
});
