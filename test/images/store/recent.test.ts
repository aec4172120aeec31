import { describe, expect, it } from "vitest";
import type { Manifest } from "../../../images/manifest.ts";
import { Recent } from "../../../images/store/recent.ts";
import { type VersionTable, VersionTableBuilder } from "../../../images/store/version-table.ts";

const manifest = (created: number) =>
  ({ image: "web", number: 1, created, packs: ["a"] }) as unknown as Manifest;
const table = (created: number) => new VersionTableBuilder(manifest(created), []).finish();

describe("Recent", () => {
  it("reads a version once for all who want it at the same time and after", async () => {
    const recent = new Recent<VersionTable>();
    let reads = 0;
    const read = () => {
      reads += 1;
      return Promise.resolve(table(1));
    };

    const [first, second] = await Promise.all([recent.get(manifest(1), read), recent.get(manifest(1), read)]);

    expect(second).toBe(first);
    expect(await recent.get(manifest(1), read)).toBe(first);
    expect(reads).toBe(1);
  });

  it("does not take a version for another that was made under the same number", async () => {
    const recent = new Recent<VersionTable>();
    const first = await recent.get(manifest(1), () => Promise.resolve(table(1)));

    const second = await recent.get(manifest(2), () => Promise.resolve(table(2)));

    expect(second).not.toBe(first);
    expect(second.manifest.created).toBe(2);
  });

  it("reads again what could not be read", async () => {
    const recent = new Recent<VersionTable>();

    await expect(recent.get(manifest(1), () => Promise.reject(new Error("damaged")))).rejects.toThrow(
      "damaged",
    );

    await expect(recent.get(manifest(1), () => Promise.resolve(table(1)))).resolves.toBeDefined();
  });
});
