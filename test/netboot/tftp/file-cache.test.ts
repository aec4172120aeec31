import { describe, expect, it } from "vitest";
import { FileCache } from "../../../netboot/tftp/file-cache.ts";

const chunk = 64 * 1024;

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 255);
}

/** A file that counts how often it is read, and can break. */
function stored(content: Uint8Array, identity = "one") {
  const state = { reads: 0, broken: false, closed: 0 };
  const file = {
    identity,
    size: content.length,
    read: async (offset: number, length: number) => {
      state.reads += 1;
      await Promise.resolve();
      if (state.broken) {
        throw new Error("the disk is gone");
      }
      return content.subarray(offset, offset + length);
    },
    close: async () => {
      state.closed += 1;
      await Promise.resolve();
    },
  };
  return { state, file };
}

async function readAll(
  file: ReturnType<FileCache["share"]>,
  step: number,
): Promise<{ readonly bytes: Uint8Array; readonly waits: number }> {
  const parts: Uint8Array[] = [];
  let waits = 0;
  for (let offset = 0; offset < file.size; offset += step) {
    const read = file.read(offset, Math.min(step, file.size - offset));
    waits += read instanceof Promise ? 1 : 0;
    parts.push((await read).slice());
    // Time for what is read ahead.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { bytes: Buffer.concat(parts), waits };
}

describe("FileCache", () => {
  it.each([512, 1468 * 16, chunk, 3 * chunk + 1])(
    "gives the content back in steps of %i, waiting for the first read alone",
    async (step) => {
      const content = pattern(5 * chunk + 100);
      const { file, state } = stored(content);

      const { bytes, waits } = await readAll(new FileCache(100 * chunk).share(file), step);

      expect(Buffer.compare(bytes, content)).toBe(0);
      expect(state.reads).toBe(6);
      expect(waits).toBeLessThanOrEqual(step > chunk ? 2 : 1);
    },
  );

  it("reads once for all who fetch it, also at the same time", async () => {
    const content = pattern(5 * chunk);
    const { file, state } = stored(content);
    const cache = new FileCache(100 * chunk);

    const all = await Promise.all(Array.from({ length: 20 }, () => readAll(cache.share(file), 1468)));
    const later = await readAll(cache.share(file), 1468);

    expect([...all, later].every(({ bytes }) => Buffer.compare(bytes, content) === 0)).toBe(true);
    expect(state.reads).toBe(5);
    expect(later.waits).toBe(0);
  });

  it("reads anew what has another identity, and what it had to let go of", async () => {
    const cache = new FileCache(2 * chunk);
    const before = stored(pattern(4 * chunk), "before");
    const after = stored(pattern(4 * chunk).reverse(), "after");

    await readAll(cache.share(before.file), 8192);
    const { bytes } = await readAll(cache.share(after.file), 8192);
    await readAll(cache.share(before.file), 8192);

    expect(Buffer.compare(bytes, pattern(4 * chunk).reverse())).toBe(0);
    expect([before.state.reads, after.state.reads]).toEqual([8, 4]);
  });

  it("tells of a disk that fails, and reads again when it works", async () => {
    const { file, state } = stored(pattern(chunk));
    const cache = new FileCache(2 * chunk);
    state.broken = true;

    await expect(cache.share(file).read(0, 100)).rejects.toThrow("the disk is gone");
    state.broken = false;

    expect(await cache.share(file).read(0, 100)).toEqual(pattern(100));
  });

  it("gives less where the file became shorter than it said", async () => {
    const { file } = stored(pattern(1000));

    const shared = new FileCache(chunk).share({ ...file, size: 2000 });

    expect((await shared.read(512, 1000)).length).toBe(488);
    await shared.close();
  });
});
