/** Two administrators at once: every pair of commands on one image either works, or says who is in the way; and all is whole after. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AppError } from "../../base/errors.ts";
import { captureImage } from "../../images/capture/run.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { systemClock } from "../../server/system.ts";
import { localSession } from "../fakes/remote.ts";
import { imageName } from "./store-support/image-name.ts";

const web = imageName("web");
let folder = "";
let turn = 0;

beforeAll(async () => {
  folder = mkdtempSync("/dev/shm/ingot-pairs-");
  const tree = `${folder}/base/images/web`;
  mkdirSync(tree, { recursive: true });
  const store = new DirectoryStore({ state: `${folder}/base`, clock: systemClock });
  for (const text of ["one", "two"]) {
    writeFileSync(`${tree}/file`, text.repeat(1000));
    await store.commit(web, { message: text });
  }
  writeFileSync(`${tree}/file`, "not committed");
  await store.copy({ image: web, number: 1 }, imageName("other"));
  mkdirSync(`${folder}/elsewhere`);
  writeFileSync(`${folder}/elsewhere/file`, "from elsewhere\n");
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A store of its own for each pair: an image with two versions and a change that is in neither. */
function makeStore(): DirectoryStore {
  turn += 1;
  cpSync(`${folder}/base`, `${folder}/${turn}`, { recursive: true });
  return new DirectoryStore({ state: `${folder}/${turn}`, clock: systemClock });
}

type Command = (store: DirectoryStore, side: string) => Promise<unknown>;

/** What an administrator can ask for; `side` keeps two of the same apart where they name something new. */
const commands: Readonly<Record<string, Command>> = {
  commit: (store) => store.commit(web, { message: "again", allowEmpty: true }),
  rollback: (store) => store.rollback({ image: web, number: 1 }, { discard: true }),
  prune: (store) => store.prune(web, { keep: 1, inUse: () => undefined }),
  "copy to one name": (store) => store.copy({ image: web }, imageName("same")),
  "copy over it": (store) => store.copy({ image: imageName("other") }, web, { replace: true }),
  move: (store, side) => store.move(web, imageName(`moved-${side}`)),
  "move over it": (store) => store.move(imageName("other"), web, { replace: true }),
  tag: (store, side) => store.tag({ image: web, number: 2 }, `tag-${side}`),
  verify: async (store) => {
    const { damage } = await store.verify({ image: web });
    if (damage.length > 0) {
      throw new Error(JSON.stringify(damage));
    }
  },
  "list and show": async (store) => {
    await store.list();
    await store.show({ image: web });
    await store.history(web);
  },
  diff: async (store) => {
    for await (const _difference of store.diff({ image: web, number: 1 }, { image: web, number: 2 })) {
      // All of them.
    }
  },
  capture: (store) =>
    captureImage({
      session: localSession(),
      store,
      image: web,
      root: `${folder}/elsewhere`,
      clock: systemClock,
    }),
  "export tar": (store, side) => store.exportTar({ image: web }, `${folder}/${turn}/${side}.tar`),
  remove: (store) => store.remove(web),
  import: (store) =>
    store.importImage(
      imageName("same"),
      { kind: "folder", folder: `${folder}/elsewhere` },
      { message: "in" },
    ),
  "export container": (store, side) => store.exportContainer({ image: web }, `${folder}/${turn}/${side}.oci`),
  chroot: async (store) => {
    const lock = await store.lock(web, { holder: "chroot by root (pid 1)" });
    await systemClock.sleep(20 as never, AbortSignal.timeout(60_000)).catch(() => undefined);
    await lock.release();
  },
};

/** A refusal that a person can act on: it names the holder, or what is not there any more, or what is there already. */
function isClear(error: unknown): boolean {
  return (
    error instanceof AppError &&
    (error.code === "conflict"
      ? /is in use: .+ holds it|exists already|was removed while/.test(error.message)
      : error.code === "not-found" || error.code === "refused")
  );
}

/** They change nothing of the image, so they are only tried against what takes something away under them. */
const readers = ["tag", "verify", "list and show", "diff", "export tar", "export container"];
const takers = ["prune", "remove", "move over it"];
const changers = Object.keys(commands).filter((name) => !readers.includes(name));
const pairs = [
  ...changers.flatMap((one, index) => changers.slice(index).map((other) => [one, other] as const)),
  ...readers.flatMap((one) => takers.map((other) => [one, other] as const)),
];

describe("two commands on one image at once", () => {
  it.each(pairs)("%s and %s", async (one, other) => {
    const store = makeStore();

    const outcomes = await Promise.allSettled([
      (commands[one] as Command)(store, "a"),
      (commands[other] as Command)(store, "b"),
    ]);

    const refusals = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason as unknown] : [],
    );
    expect(refusals.filter((error) => !isClear(error))).toEqual([]);
    // At least one of them got its way, unless it was in each other's.
    expect(refusals.length).toBeLessThan(2);
    for (const { image, lockedBy } of await store.list()) {
      expect(lockedBy).toBeUndefined();
      expect((await store.verify({ image })).damage).toEqual([]);
      expect((await store.rollback({ image }, { discard: true })).manifest.image).toBe(image);
    }
  });
});
