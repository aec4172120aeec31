/** What kill -9 and a full disk leave of the image store: every version that was there, and nothing that the next run does not clear. */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toAppError } from "../../base/errors.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import {
  clock,
  damageOf,
  debris,
  fill,
  moments,
  nextRun,
  run,
  sh,
  withVersions,
} from "./store-support/faults.ts";
import { imageName } from "./store-support/image-name.ts";

const web = imageName("web");
let folder = "";

beforeAll(() => {
  folder = mkdtempSync("/dev/shm/ingot-faults-");
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("kill -9 at a random point", () => {
  it("of a commit leaves the versions that were there, and the next commit works", async () => {
    const place = await withVersions(`${folder}/commit`);
    fill(place.tree, 3);
    const whole = await run([place.state, "commit"]);
    for (const [round, moment] of moments(whole.milliseconds).entries()) {
      fill(place.tree, 4 + round);

      await run([place.state, "commit"], moment);

      expect(await damageOf(place.store)).toEqual([]);
    }
    fill(place.tree, 99);
    await place.store.commit(web, { message: "at last" });
    expect(await debris(place)).toEqual([]);
    expect(await damageOf(place.store)).toEqual([]);
  });

  it("of a rollback leaves whole files, and the next rollback makes the tree that version", async () => {
    const place = await withVersions(`${folder}/rollback`);
    const whole = await run([place.state, "rollback", "1"]);
    await place.store.rollback({ image: web, number: 2 });
    for (const moment of moments(whole.milliseconds)) {
      await run([place.state, "rollback", "1"], moment);

      expect(await damageOf(place.store)).toEqual([]);
      expect(["1", "2"]).toContain(readFileSync(`${place.tree}/seed`, "utf8"));
      await place.store.rollback({ image: web, number: 2 }, { discard: true });
      expect((await place.store.commit(web, { message: "nothing" })).created).toBe(false);
    }
    await nextRun(place.store);
    expect(await debris(place)).toEqual([]);
  });

  it("of a copy leaves a whole image or none", async () => {
    const place = await withVersions(`${folder}/copy`);
    const whole = await run([place.state, "copy", "whole"]);
    for (const [round, moment] of moments(whole.milliseconds).entries()) {
      const copy = imageName(`copy${round}`);

      await run([place.state, "copy", copy], moment);

      await nextRun(place.store);
      expect(await debris(place)).toEqual([]);
      if (!(await place.store.list()).some(({ image }) => image === copy)) {
        await place.store.copy({ image: web }, copy);
      }
      expect(await damageOf(place.store, copy)).toEqual([]);
      expect((await place.store.commit(copy, { message: "nothing" })).created).toBe(false);
      await place.store.remove(copy);
    }
  });

  it("of an import leaves a whole image or none", async () => {
    const place = await withVersions(`${folder}/import`);
    const file = `${folder}/web.tar.zst`;
    await place.store.exportTar({ image: web }, file);
    const whole = await run([place.state, "import", "whole", file]);
    for (const [round, moment] of moments(whole.milliseconds).entries()) {
      const image = imageName(`image${round}`);

      await run([place.state, "import", image, file], moment);

      await nextRun(place.store);
      expect(await debris(place)).toEqual([]);
      if (!(await place.store.list()).some((summary) => summary.image === image)) {
        await place.store.importImage(image, { kind: "tar", file }, { message: "again" });
      }
      expect(await damageOf(place.store, image)).toEqual([]);
      expect((await place.store.commit(image, { message: "nothing" })).created).toBe(false);
      await place.store.remove(image);
    }
  });

  it("of a move leaves the image under one name, whole", async () => {
    const place = await withVersions(`${folder}/move`);
    await place.store.copy({ image: web }, imageName("a"));
    const whole = await run([place.state, "move", "a", "b"]);
    let [from, to] = ["b", "a"];
    for (const moment of moments(whole.milliseconds * 1.2)) {
      await run([place.state, "move", from, to], moment);

      await nextRun(place.store);
      const names = (await place.store.list()).map(({ image }) => String(image));
      expect(names.filter((name) => name === from || name === to)).toHaveLength(1);
      if (names.includes(to)) {
        [from, to] = [to, from];
      }
      expect(await damageOf(place.store, imageName(from))).toEqual([]);
      expect((await place.store.commit(imageName(from), { message: "nothing" })).created).toBe(false);
      expect(await debris(place)).toEqual([]);
    }
  });

  it("of a prune leaves whole versions, and the next one collects what they do not need", async () => {
    const place = await withVersions(`${folder}/prune`);
    const whole = await run([place.state, "prune"]);
    for (const [round, moment] of moments(whole.milliseconds).entries()) {
      fill(place.tree, 3 + round);
      await place.store.commit(web, { message: "another" });

      await run([place.state, "prune"], moment);

      expect(await damageOf(place.store)).toEqual([]);
    }
    await place.store.prune(web, { keep: 1, inUse: () => undefined });
    expect(await debris(place)).toEqual([]);
    expect(await place.store.history(web)).toHaveLength(1);
    expect(await damageOf(place.store)).toEqual([]);
  });
});

describe("a full disk", () => {
  const mount = () => `${folder}/small`;

  beforeAll(() => {
    mkdirSync(mount(), { recursive: true });
    sh(`mount -t tmpfs -o size=48M tmpfs '${mount()}'`);
  });
  afterAll(() => {
    sh(`umount '${mount()}'`);
  });

  it("ends a commit with no-space whenever it comes; all before stays, and there is room again", async () => {
    // The tree lies elsewhere, so that only the store is in need.
    const state = mount();
    mkdirSync(`${folder}/trees/web`, { recursive: true });
    symlinkSync(`${folder}/trees`, `${state}/images`);
    const tree = `${folder}/trees/web`;
    const store = new DirectoryStore({ state, clock });
    const place = { state, tree, store };
    fill(tree, 1);
    await store.commit(web, { message: "first" });
    fill(tree, 2);
    const free = Number(sh(`df --output=avail -B1 '${state}' | tail -1`));
    const outcomes = new Map<string, number>();
    for (const left of [
      0, 4096, 40_000, 2_000_000, 5_000_000, 9_000_000, 14_000_000, 18_000_000, 18_300_000,
    ]) {
      writeFileSync(`${state}/filler`, "");
      sh(`fallocate -l ${free - left} '${state}/filler'`);

      const outcome = await store.commit(web, { message: "too large" }).then(
        ({ manifest }) => `made ${manifest.number}`,
        (error: unknown) => toAppError(error, "internal").code,
      );

      outcomes.set(outcome, left);
      rmSync(`${state}/filler`);
      expect(await damageOf(store)).toEqual([]);
      expect(await debris(place)).toEqual([]);
      expect(statSync(`${state}/packs`).isDirectory()).toBe(true);
    }
    expect([...outcomes.keys()]).toEqual(["no-space"]);
    expect((await store.commit(web, { message: "with room" })).manifest.number).toBe(2);
    expect(await damageOf(store)).toEqual([]);
  });

  it("ends a copy and an import with no-space, and nothing of the new image is left", async () => {
    const place = await withVersions(`${folder}/roomy`);
    const file = `${folder}/roomy.tar`;
    await place.store.exportTar({ image: web }, file);
    sh(`umount '${mount()}' && mount -t tmpfs -o size=64M tmpfs '${mount()}'`);
    const state = `${mount()}/other`;
    mkdirSync(`${state}/images/web`, { recursive: true });
    writeFileSync(`${state}/images/web/big`, randomBytes(9_000_000));
    const store = new DirectoryStore({ state, clock });
    await store.commit(web, { message: "first" });
    const free = Number(sh(`df --output=avail -B1 '${state}' | tail -1`));
    sh(`fallocate -l ${free - 4_000_000} '${state}/filler'`);
    const code = (error: unknown) => toAppError(error, "internal").code;

    const copied = await store.copy({ image: web }, imageName("copy")).then(String, code);
    const imported = await store
      .importImage(imageName("import"), { kind: "tar", file }, { message: "" })
      .then(String, code);

    expect([copied, imported]).toEqual(["no-space", "no-space"]);
    expect((await store.list()).map(({ image }) => String(image))).toEqual(["web"]);
    expect(await debris({ state, store, tree: "" })).toEqual([]);
    expect(await damageOf(store)).toEqual([]);
  });
});
