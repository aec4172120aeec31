/** What every image store must do, whatever it keeps its versions in. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { RelPath } from "../../base/path-bytes.ts";
import type { EntryDifference, ImageStore } from "../../images/store/store.ts";
import { imageName } from "../interop/store-support/image-name.ts";

/** Runs the suite; `make` gives a store with nothing in it. */
export function describeImageStore(name: string, make: () => Promise<ImageStore>): void {
  const web = imageName("web");

  async function withTree(): Promise<{ readonly store: ImageStore; readonly tree: string }> {
    const store = await make();
    const lock = await store.lock(web, { holder: "the test" });
    const tree = await store.prepareTree(lock);
    await lock.release();
    mkdirSync(`${tree}/etc`);
    writeFileSync(`${tree}/etc/hostname`, "golden\n");
    return { store, tree };
  }

  describe(name, () => {
    it("commits a tree as version 1 and gives its content back", async () => {
      const { store } = await withTree();

      const result = await store.commit(web, { message: "first", source: { host: "golden" } });

      expect(result.created).toBe(true);
      expect(result.manifest).toMatchObject({
        image: "web",
        number: 1,
        message: "first",
        source: { host: "golden" },
      });
      const content = await store.readFile({ image: web }, "etc/hostname" as RelPath, { limit: 100 });
      expect(new TextDecoder().decode(content)).toBe("golden\n");
    });

    it("makes no version of a tree that did not change", async () => {
      const { store } = await withTree();
      await store.commit(web, { message: "first" });

      const again = await store.commit(web, { message: "second" });

      expect(again.created).toBe(false);
      expect(again.manifest.number).toBe(1);
      expect(await store.history(web)).toHaveLength(1);
    });

    it("makes a version of an unchanged tree where that is asked for", async () => {
      const { store } = await withTree();
      await store.commit(web, { message: "first" });

      const again = await store.commit(web, { message: "second", allowEmpty: true });

      expect(again.manifest).toMatchObject({ number: 2, parent: { image: "web", number: 1 } });
    });

    it("tells what differs between versions", async () => {
      const { store, tree } = await withTree();
      await store.commit(web, { message: "first" });
      writeFileSync(`${tree}/etc/hostname`, "changed\n");
      writeFileSync(`${tree}/etc/motd`, "hello\n");
      await store.commit(web, { message: "second" });

      const found: string[] = [];
      for await (const item of store.diff({ image: web, number: 1 }, { image: web, number: 2 })) {
        found.push(`${item.kind} ${item.path} ${item.changes.includes("content") ? "content" : ""}`.trim());
      }

      expect(found).toEqual(["changed etc", "changed etc/hostname content", "added etc/motd"]);
    });

    it("lists images with their newest version and who holds them", async () => {
      const { store } = await withTree();
      await store.commit(web, { message: "first" });
      const lock = await store.lock(web, { holder: "capture by job 12" });

      const [summary] = await store.list();

      expect(summary).toMatchObject({ image: "web", versions: 1, lockedBy: "capture by job 12" });
      expect(summary?.newest?.number).toBe(1);
      await lock.release();
    });

    it("refuses a second holder and says who is the first", async () => {
      const { store } = await withTree();
      const lock = await store.lock(web, { holder: "capture by job 12" });

      await expect(store.commit(web, { message: "meanwhile" })).rejects.toMatchObject({
        code: "conflict",
        message: expect.stringContaining("capture by job 12"),
      });
      await lock.release();
      await expect(store.commit(web, { message: "afterwards" })).resolves.toMatchObject({ created: true });
    });

    it("commits under the caller's lock", async () => {
      const { store } = await withTree();
      const lock = await store.lock(web, { holder: "capture" });

      await expect(store.commit(web, { message: "captured", lock })).resolves.toMatchObject({
        created: true,
      });
      await lock.release();
    });

    it("names what does not exist", async () => {
      const { store } = await withTree();

      await expect(store.resolve({ image: web })).rejects.toMatchObject({ code: "not-found" });
      await store.commit(web, { message: "first" });
      await expect(store.resolve({ image: web, number: 7 })).rejects.toMatchObject({
        code: "not-found",
        message: "Version web@7 does not exist",
      });
      await expect(store.resolve({ image: imageName("other") })).rejects.toMatchObject({ code: "not-found" });
      await expect(
        store.readFile({ image: web }, "etc/none" as RelPath, { limit: 10 }),
      ).rejects.toMatchObject({ code: "not-found" });
    });

    it("removes an image with its tree and its versions", async () => {
      const { store } = await withTree();
      await store.commit(web, { message: "first" });

      await store.remove(web);

      expect(await store.list()).toEqual([]);
      await expect(store.remove(web)).rejects.toMatchObject({ code: "not-found" });
    });

    it("makes the tree what an earlier version was, and lets the next commit say so", async () => {
      const { store, tree } = await withTree();
      await store.commit(web, { message: "first" });
      writeFileSync(`${tree}/etc/hostname`, "changed\n");
      writeFileSync(`${tree}/etc/motd`, "hello\n");
      await store.commit(web, { message: "second" });

      await store.rollback({ image: web, number: 1 });

      expect(readFileSync(`${tree}/etc/hostname`, "utf8")).toBe("golden\n");
      expect(existsSync(`${tree}/etc/motd`)).toBe(false);
      const third = await store.commit(web, { message: "as the first" });
      expect(third).toMatchObject({ created: true, read: { bytes: 0 } });
      expect(await changed(store.diff({ image: web, number: 1 }, { image: web, number: 3 }))).toEqual([]);
    });

    it("rolls back from version to version without a commit between", async () => {
      const { store, tree } = await withTree();
      await store.commit(web, { message: "first" });
      writeFileSync(`${tree}/etc/hostname`, "changed\n");
      await store.commit(web, { message: "second" });

      await store.rollback({ image: web, number: 1 });
      await store.rollback({ image: web, number: 2 });

      expect(readFileSync(`${tree}/etc/hostname`, "utf8")).toBe("changed\n");
      await expect(store.commit(web, { message: "nothing" })).resolves.toMatchObject({ created: false });
    });

    it("keeps changes that are in no version from being rolled back, unless told", async () => {
      const { store, tree } = await withTree();
      await store.commit(web, { message: "first" });
      writeFileSync(`${tree}/etc/hostname`, "edited\n");

      await expect(store.rollback({ image: web, number: 1 })).rejects.toMatchObject({ code: "refused" });
      expect(readFileSync(`${tree}/etc/hostname`, "utf8")).toBe("edited\n");
      await store.rollback({ image: web, number: 1 }, { discard: true });
      expect(readFileSync(`${tree}/etc/hostname`, "utf8")).toBe("golden\n");
    });

    it("knows versions by their tags", async () => {
      const { store } = await withTree();
      await store.commit(web, { message: "first" });
      await store.commit(web, { message: "second", allowEmpty: true });

      await store.tag({ image: web, number: 1 }, "stable");

      expect(await store.resolve({ image: web, tag: "stable" })).toMatchObject({ number: 1 });
      expect((await store.show({ image: web, tag: "stable" })).tags).toEqual(["stable"]);
      await store.tag({ image: web }, "stable");
      expect(await store.tags(web)).toEqual(new Map([["stable", 2]]));
      await store.untag(web, "stable");
      await expect(store.resolve({ image: web, tag: "stable" })).rejects.toMatchObject({ code: "not-found" });
      await expect(store.untag(web, "stable")).rejects.toMatchObject({ code: "not-found" });
    });

    it("copies a version to a new image, content shared", async () => {
      const { store, tree } = await withTree();
      const first = await store.commit(web, { message: "first" });
      writeFileSync(`${tree}/etc/hostname`, "changed\n");
      await store.commit(web, { message: "second" });
      const copy = imageName("copy");

      const manifest = await store.copy({ image: web, number: 1 }, copy);

      expect(manifest).toMatchObject({
        image: "copy",
        number: 1,
        parent: { image: "web", number: 1 },
        packs: first.manifest.packs,
      });
      expect(readFileSync(`${store.treePath(copy)}/etc/hostname`, "utf8")).toBe("golden\n");
      await expect(store.commit(copy, { message: "nothing" })).resolves.toMatchObject({ created: false });
      await store.remove(web);
      expect((await store.verify({ image: copy })).damage).toEqual([]);
      await expect(store.copy({ image: copy }, copy)).rejects.toMatchObject({ code: "conflict" });
    });

    it("moves an image with its versions, tags and tree", async () => {
      const { store } = await withTree();
      await store.commit(web, { message: "first" });
      await store.commit(web, { message: "second", allowEmpty: true });
      await store.tag({ image: web, number: 1 }, "stable");
      const next = imageName("next");

      await store.move(web, next);

      expect((await store.list()).map(({ image }) => image)).toEqual(["next"]);
      expect(await store.resolve({ image: next, tag: "stable" })).toMatchObject({ image: "next", number: 1 });
      expect(await store.resolve({ image: next })).toMatchObject({ parent: { image: "next", number: 1 } });
      expect((await store.verify({ image: next })).damage).toEqual([]);
      await expect(store.commit(next, { message: "nothing" })).resolves.toMatchObject({ created: false });
      await expect(store.move(web, next)).rejects.toMatchObject({ code: "not-found" });
    });

    it("does not move an image over another", async () => {
      const { store } = await withTree();
      await store.commit(web, { message: "first" });
      await store.copy({ image: web }, imageName("copy"));

      await expect(store.move(web, imageName("copy"))).rejects.toMatchObject({ code: "conflict" });
      expect(await store.list()).toHaveLength(2);
    });

    it("prunes old versions, but none that is tagged or in use", async () => {
      const { store, tree } = await withTree();
      for (const text of ["1", "2", "3", "4", "5"]) {
        writeFileSync(`${tree}/etc/hostname`, Buffer.alloc(50_000, `version ${text}`));
        await store.commit(web, { message: text });
      }
      await store.tag({ image: web, number: 2 }, "stable");
      const inUse = ({ number }: { readonly number: number }) =>
        number === 3 ? "node n1 has it" : undefined;

      const planned = await store.prune(web, { keep: 1, inUse, dryRun: true });
      expect(await store.history(web)).toHaveLength(5);
      const done = await store.prune(web, { keep: 1, inUse });

      expect(done.removed.map(({ number }) => number)).toEqual([1, 4]);
      expect(done.kept.map(({ version, reason }) => [version.number, reason])).toEqual([
        [2, "tagged stable"],
        [3, "node n1 has it"],
      ]);
      expect(planned).toEqual(done);
      expect((await store.history(web)).map(({ number }) => number)).toEqual([2, 3, 5]);
      expect((await store.verify({ image: web })).damage).toEqual([]);
    });

    it("lets a stream of a version that is pruned be read to its end", async () => {
      const { store, tree } = await withTree();
      writeFileSync(`${tree}/only-in-the-first`, Buffer.alloc(300_000, "x"));
      await store.commit(web, { message: "first" });
      writeFileSync(`${tree}/only-in-the-first`, Buffer.alloc(300_000, "y"));
      await store.commit(web, { message: "second" });
      const { stream, compressedBytes } = await store.versionStream({ image: web, number: 1 });

      await store.prune(web, { keep: 1, inUse: () => undefined });

      let length = 0;
      for await (const chunk of stream) {
        length += chunk.length;
      }
      expect(length).toBe(compressedBytes);
    });

    it("stores what two images have in common once", async () => {
      const { store, tree } = await withTree();
      writeFileSync(`${tree}/big`, Buffer.alloc(300_000, "content that two images have "));
      await store.commit(web, { message: "first" });
      const lock = await store.lock(imageName("copy"), { holder: "the test" });
      const other = await store.prepareTree(lock);
      await lock.release();
      writeFileSync(`${other}/elsewhere`, Buffer.alloc(300_000, "content that two images have "));

      const { manifest } = await store.commit(imageName("copy"), { message: "first" });

      const first = await store.resolve({ image: web });
      expect(manifest.packs).toContain(first.packs[0]);
    });
  });
}

async function changed(differences: AsyncIterable<EntryDifference>): Promise<readonly string[]> {
  const paths: string[] = [];
  for await (const { path } of differences) {
    paths.push(path);
  }
  return paths;
}
