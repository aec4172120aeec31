import { describe, expect, it } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import { wholeMembers } from "../../../images/capture/short-members.ts";
import type { FileEntry } from "../../../images/entry.ts";
import { encodeMember, endOfArchive } from "../../../images/tar/encode.ts";

const file = (path: string, size: number): FileEntry => ({
  kind: "file",
  path: path as RelPath,
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: { seconds: 1, nanoseconds: 0 },
  size,
});

/** What a client sends for each time it is asked. */
function client(answers: readonly { readonly bytes: readonly Uint8Array[]; readonly stderr: string }[]) {
  const asked: string[][] = [];
  const start = async (paths: Iterable<string>) => {
    const answer = answers[asked.length];
    asked.push([...paths]);
    async function* stdout() {
      yield* answer?.bytes ?? [];
    }
    return { stdout: stdout(), exit: Promise.resolve({ code: 0, stderr: answer?.stderr ?? "" }) };
  };
  return { start, asked };
}

async function lengthOf(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const bytes of stream) {
    length += bytes.length;
  }
  return length;
}

describe("wholeMembers()", () => {
  it("fills a member up that became shorter, and asks for those behind it", async () => {
    const { start, asked } = client([
      { bytes: [encodeMember(file("a", 1000)), new Uint8Array(10)], stderr: "tar: short read\n" },
      { bytes: [encodeMember(file("b", 0)), endOfArchive], stderr: "" },
    ]);

    const whole = await wholeMembers(start, ["a" as RelPath, "b" as RelPath]);

    expect(await lengthOf(whole.stdout)).toBe(512 + 1024 + 512 + 1024);
    expect(asked).toEqual([["a", "b"], ["b"]]);
    expect(whole.shortened).toEqual(["a"]);
  });

  it("does not write zeros without end because a client says so", async () => {
    const { start } = client([{ bytes: [encodeMember(file("a", 2 ** 50))], stderr: "tar: short read\n" }]);

    const whole = await wholeMembers(start, ["a" as RelPath]);

    await expect(lengthOf(whole.stdout)).rejects.toMatchObject({
      code: "remote-failed",
      message: expect.stringContaining("'a'"),
    });
  });
});
