/** What kill -9 and a full disk leave of an image that another one replaces, of container archives, prunes and captures. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toAppError } from "../../base/errors.ts";
import { captureImage } from "../../images/capture/run.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { finishIntent, writeIntent } from "../../images/store/interrupted.ts";
import { storePaths } from "../../images/store/store-paths.ts";
import { localSession } from "../fakes/remote.ts";
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

const [web, old, next] = [imageName("web"), imageName("old"), imageName("next")];
let folder = "";

beforeAll(() => {
  folder = mkdtempSync("/dev/shm/ingot-faults-");
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const code = (error: unknown) => toAppError(error, "internal").code;

/** Image `old`: one version, and a word that is in no version. */
async function makeOld(store: DirectoryStore): Promise<void> {
  if ((await store.list()).some(({ image }) => image === old)) {
    await store.remove(old);
  }
  mkdirSync(store.treePath(old), { recursive: true });
  writeFileSync(`${store.treePath(old)}/only`, "old\n");
  await store.commit(old, { message: "the old one" });
  writeFileSync(`${store.treePath(old)}/uncommitted`, "kept\n");
}

/** Says which of both `old` is; throws where its tree and its versions are not of the same one. */
async function whoIsOld(store: DirectoryStore): Promise<"old" | "new"> {
  const [first] = await store.history(old);
  const tree = readdirSync(store.treePath(old));
  const isOld = first?.message === "the old one";
  expect(tree.includes("only")).toBe(isOld);
  expect(tree.includes("uncommitted")).toBe(isOld);
  expect(tree.includes("seed")).toBe(!isOld);
  expect(await damageOf(store, old)).toEqual([]);
  if (!isOld) {
    expect((await store.commit(old, { message: "nothing" })).created).toBe(false);
  }
  return isOld ? "old" : "new";
}

describe("an image that has versions only", () => {
  it("takes the place of another with --force, whose tree goes too", async () => {
    const { store } = await withVersions(`${folder}/treeless`);
    await makeOld(store);
    await store.copy({ image: web }, next);
    rmSync(store.treePath(next), { recursive: true });

    await store.move(next, old, { replace: true });

    expect(existsSync(store.treePath(old))).toBe(false);
    expect(await damageOf(store, old)).toEqual([]);
    await store.rollback({ image: old, number: 1 });
    expect(readFileSync(`${store.treePath(old)}/seed`, "latin1")).toBe("2");
  });
});

describe("kill -9 at a random point", () => {
  it("of a copy that replaces an image leaves the old one or the new one, whole", async () => {
    const place = await withVersions(`${folder}/copy`);
    await makeOld(place.store);
    const whole = await run([place.state, "replace-by-copy", "old"]);
    expect(await whoIsOld(place.store)).toBe("new");
    for (const moment of moments(whole.milliseconds, 4)) {
      await makeOld(place.store);

      await run([place.state, "replace-by-copy", "old"], moment);

      // What the daemon does at its start.
      await new DirectoryStore({ state: place.state, clock }).recover();
      await whoIsOld(place.store);
      expect(await debris(place)).toEqual([]);
    }
  });

  it("of a move that replaces an image leaves the old one or the new one, whole", async () => {
    const place = await withVersions(`${folder}/move`);
    await makeOld(place.store);
    await place.store.copy({ image: web }, next);
    const whole = await run([place.state, "replace-by-move", "next", "old"]);
    expect(await whoIsOld(place.store)).toBe("new");
    for (const moment of moments(whole.milliseconds * 1.1, 4)) {
      await makeOld(place.store);
      if (!existsSync(place.store.treePath(next))) {
        await place.store.copy({ image: web }, next);
      }

      await run([place.state, "replace-by-move", "next", "old"], moment);

      await nextRun(place.store);
      const moved = (await whoIsOld(place.store)) === "new";
      expect((await place.store.list()).some(({ image }) => image === next)).toBe(!moved);
      expect(existsSync(place.store.treePath(next))).toBe(!moved);
      expect(await debris(place)).toEqual([]);
    }
  });

  it("of a removal that had not begun is no reason to remove the image another day", async () => {
    const place = await withVersions(`${folder}/not-begun`);
    await makeOld(place.store);
    const paths = storePaths(place.state);
    const work = `${paths.temporary}/not-begun`;
    mkdirSync(work, { recursive: true });
    await writeIntent(work, { remove: old });

    await finishIntent(paths, work);
    rmSync(`${paths.versions}/old`, { recursive: true });
    await finishIntent(paths, work);

    expect(existsSync(place.store.treePath(old))).toBe(true);
  });

  it("of a removal leaves the image, whole, or nothing of it", async () => {
    const place = await withVersions(`${folder}/removal`);
    const versions = `${place.state}/versions/old`;
    // As many files as a long history has, so that removing them one by one would take its time.
    const makeLong = async () => {
      await makeOld(place.store);
      sh(`seq 1 4000 | split -l 1 -a 4 - '${versions}/history-'`);
    };
    await makeLong();
    const [names, packs] = [readdirSync(versions), readdirSync(`${place.state}/packs`)];
    const whole = await run([place.state, "remove", "old"]);
    expect(existsSync(versions)).toBe(false);
    const outcomes = new Set<string>();
    for (const moment of [...moments(whole.milliseconds, 4), whole.milliseconds * 2]) {
      await makeLong();

      await run([place.state, "remove", "old"], moment);

      // Somebody uses the name at once, before the store is changed otherwise.
      const lock = await place.store.lock(old, { holder: "a test" });
      const stays = existsSync(versions);
      outcomes.add(stays ? "stays" : "gone");
      expect(existsSync(place.store.treePath(old))).toBe(stays);
      if (stays) {
        expect(readdirSync(versions)).toEqual(names);
        expect(await damageOf(place.store, old)).toEqual([]);
      }
      await lock.release();
      await nextRun(place.store);
      expect(await debris(place)).toEqual([]);
      expect(readdirSync(`${place.state}/packs`).length).toBe(packs.length - (stays ? 0 : 1));
    }
    expect(outcomes.has("gone")).toBe(true);
  });

  it("of the import of a container leaves a whole image or none", async () => {
    const place = await withVersions(`${folder}/import`);
    const file = `${folder}/web.oci.tar`;
    await place.store.exportContainer({ image: web }, file);
    const whole = await run([place.state, "import-container", "whole", file]);
    for (const [round, moment] of moments(whole.milliseconds, 4).entries()) {
      const image = imageName(`image${round}`);

      await run([place.state, "import-container", image, file], moment);

      await nextRun(place.store);
      expect(await debris(place)).toEqual([]);
      if (!(await place.store.list()).some((summary) => summary.image === image)) {
        await place.store.importImage(image, { kind: "container", file }, { message: "again" });
      }
      expect(await damageOf(place.store, image)).toEqual([]);
      await place.store.remove(image);
    }
  });

  it("of the export of a container leaves the file that was there or the new one, and the store as it was", async () => {
    const place = await withVersions(`${folder}/export`);
    const file = `${folder}/export/out.oci.tar`;
    const whole = await run([place.state, "export-container", file]);
    const bytes = readFileSync(file);
    for (const moment of moments(whole.milliseconds, 4)) {
      writeFileSync(file, "what was there");

      await run([place.state, "export-container", file], moment);

      const now = readFileSync(file);
      expect(now.equals(bytes) || now.toString() === "what was there").toBe(true);
      await nextRun(place.store);
      expect(await damageOf(place.store)).toEqual([]);
      expect(await debris(place)).toEqual([]);
    }
  });
});

describe("a full disk", () => {
  const mount = () => `${folder}/small`;

  beforeAll(() => {
    mkdirSync(mount(), { recursive: true });
    sh(`mount -t tmpfs -o size=80M tmpfs '${mount()}'`);
  });
  afterAll(() => {
    sh(`umount '${mount()}'`);
  });

  const available = () => Number(sh(`df --output=avail -B1 '${mount()}' | tail -1`));

  /** Leaves so many bytes free while `work` runs. */
  async function withLeft<T>(left: number, work: () => Promise<T>): Promise<T> {
    sh(`fallocate -l ${available() - left} '${mount()}/filler'`);
    try {
      return await work();
    } finally {
      rmSync(`${mount()}/filler`, { force: true });
    }
  }

  it("does not keep a prune or a removal from making room, though there is no byte left", async () => {
    // The tree lies elsewhere, so that the store is alone on the disk.
    mkdirSync(`${folder}/trees/web`, { recursive: true });
    symlinkSync(`${folder}/trees`, `${mount()}/images`);
    const place = {
      state: mount(),
      tree: `${folder}/trees/web`,
      store: new DirectoryStore({ state: mount(), clock }),
    };
    const { store, tree } = place;
    const prune = () => store.prune(web, { keep: 1, inUse: () => undefined });
    for (const [round, left] of [0, 65_536, 500_000].entries()) {
      fill(tree, 2 * round + 1);
      await store.commit(web, { message: "old" });
      fill(tree, 2 * round + 2);
      await store.commit(web, { message: "new" });
      const before = available();

      const { removed } = await withLeft(left, prune);

      expect(removed.length).toBeGreaterThan(0);
      expect(available()).toBeGreaterThan(before + 15_000_000);
      expect(await damageOf(store)).toEqual([]);
      expect(await debris(place)).toEqual([]);
      expect((await store.commit(web, { message: "nothing" })).created).toBe(false);
    }
    // What makes no room does not get the reserve.
    expect(await withLeft(0, () => store.tag({ image: web }, "full").then(String, code))).toBe("no-space");

    await withLeft(0, () => store.remove(web));

    expect(await store.list()).toEqual([]);
    expect(await debris(place)).toEqual([]);
    sh(`rm -rf '${mount()}'/*`);
  });

  it("of ext4 does not keep a prune from making room either", async () => {
    const disk = `${folder}/ext4.img`;
    const state = `${folder}/ext4`;
    mkdirSync(state);
    sh(`truncate -s 120M '${disk}' && mkfs.ext4 -q -m 0 '${disk}' && mount -o loop '${disk}' '${state}'`);
    try {
      const { store } = await withVersions(state);
      // Files that are small as locks are take the last blocks, too.
      sh(
        `dd if=/dev/zero of=filler bs=64k 2>&1 || true; seq 1 5000 | split -l 1 -a 4 - small- 2>&1 || true`,
        state,
      );
      expect(() => writeFileSync(`${state}/probe`, "x")).toThrow("ENOSPC");

      const { removed } = await store.prune(web, { keep: 1, inUse: () => undefined });

      expect(removed.map(({ number }) => number)).toEqual([1]);
      expect(await damageOf(store)).toEqual([]);
      writeFileSync(`${state}/probe`, "x");
    } finally {
      sh(`umount '${state}'`);
    }
  });

  it("ends a capture with no-space wherever it comes; earlier versions stay, and with room it is done", async () => {
    const golden = `${folder}/golden`;
    mkdirSync(golden);
    fill(golden, 1);
    const store = new DirectoryStore({ state: `${mount()}/capture`, clock });
    const image = imageName("golden");
    const capture = () =>
      captureImage({ session: localSession(), store, image, root: golden, clock }).then(() => "done", code);
    writeFileSync(`${golden}/big1`, "");
    sh("rm big[2-9] big1?", golden);
    expect(await capture()).toBe("done");
    sh("for i in $(seq 1 12); do head -c 1500000 /dev/urandom >big$i; done", golden);
    const place = { state: `${mount()}/capture`, tree: store.treePath(image), store };

    // 18 MB come into the tree, and then as many into a pack.
    for (const left of [0, 100_000, 3_000_000, 11_000_000, 19_500_000, 26_000_000, 34_000_000]) {
      expect(await withLeft(left, capture), `${left} bytes left`).toBe("no-space");

      expect((await store.history(image)).map(({ number }) => number)).toEqual([1]);
      expect(await damageOf(store, image)).toEqual([]);
      await store.prune(image, { keep: 1000, inUse: () => undefined });
      expect(await debris(place), `${left} bytes left`).toEqual([]);
      // The tree is whole files; it is made the version's again for the next round.
      await store.rollback({ image, number: 1 }, { discard: true });
    }
    expect(await capture()).toBe("done");
    expect(sh(`rsync -naHAXi --numeric-ids --delete --checksum '${golden}/' '${place.tree}/'`)).toBe("");
    await store.remove(image);
    expect(readdirSync(`${place.state}/images/.capture`)).toEqual([]);
    sh(`rm -rf '${mount()}'/*`);
  });

  it("ends the import and the export of a container with no-space, and nothing of them is left", async () => {
    const roomy = await withVersions(`${folder}/roomy`);
    const file = `${folder}/roomy.oci.tar`;
    await roomy.store.exportContainer({ image: web }, file);
    const state = `${mount()}/other`;
    const store = new DirectoryStore({ state, clock });
    mkdirSync(store.treePath(old), { recursive: true });
    writeFileSync(`${store.treePath(old)}/only`, "old\n");
    await store.commit(old, { message: "the old one" });
    const target = `${mount()}/out.tar`;
    writeFileSync(target, "what was there");

    for (const left of [0, 2_000_000, 20_000_000, 37_000_000]) {
      const imported = await withLeft(left, () =>
        store.importImage(web, { kind: "container", file }, { message: "" }).then(String, code),
      );
      expect(imported, `${left} bytes left`).toBe("no-space");
      expect((await store.list()).map(({ image }) => String(image))).toEqual(["old"]);
      expect(await debris({ state, store, tree: "" })).toEqual([]);
    }
    for (const left of [0, 1_000_000, 17_000_000]) {
      const exported = await withLeft(left, () =>
        roomy.store.exportContainer({ image: web }, target, { replace: true }).then(String, code),
      );
      expect(exported, `${left} bytes left`).toBe("no-space");
      expect(readFileSync(target, "latin1")).toBe("what was there");
    }
    expect(readdirSync(mount()).filter((name) => name.includes("unfinished"))).toEqual([]);
    expect(await damageOf(store, old)).toEqual([]);
  });
});
