import { describe, expect, it } from "vitest";
import { Replies } from "../../../images/disk/machine-replies.ts";

async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += size) {
    yield Buffer.from(text.slice(at, at + size), "latin1");
  }
}

describe("a machine's answers", () => {
  it.each([1, 3, 1000])("are read whole in pieces of %i bytes", async (size) => {
    const replies = new Replies(inPieces("ingot-machine\n0 5 0\na\nb\n\n3 0 4\noops0 0 0\n", size));

    await replies.greeting();

    expect(await replies.answer()).toEqual({ code: 0, output: "a\nb\n\n", said: "" });
    expect(await replies.answer()).toEqual({ code: 3, output: "", said: "oops" });
    expect(await replies.answer()).toEqual({ code: 0, output: "", said: "" });
    await expect(replies.answer()).rejects.toThrow("it went off");
  });

  it.each([
    ["no numbers", "0 x 0\n"],
    ["a size that memory is not for", "0 999999999 0\n"],
    ["no line at all", "x".repeat(100)],
  ])("are refused with %s", async (_what, text) => {
    await expect(new Replies(inPieces(text, 50)).answer()).rejects.toMatchObject({ code: "hostile" });
  });
});
