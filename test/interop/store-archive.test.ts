/** Images as tar files and directories, judged by stock tar and rsync; and what is refused. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { makeRichTree } from "./rich-tree.ts";
import { imageName } from "./store-support/image-name.ts";
import { rsyncFinds } from "./tree-copy.ts";

const clock = {
  now: () => Date.now(),
  sleep: (time: number) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, time);
    }),
};
/** tar has no sockets, so neither has what came through one. */
const noSockets = ["--exclude=/var/socket"];
const web = imageName("web");
let folder = "";
let state = "";
let source = "";
let store: DirectoryStore;

beforeAll(() => {
  folder = mkdtempSync("/var/tmp/ingot-archive-");
  state = `${folder}/state`;
  source = `${folder}/source`;
  mkdirSync(source);
  makeRichTree(source);
  mkdirSync(state);
  store = new DirectoryStore({ state, clock });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function sh(script: string, cwd = folder): string {
  return execFileSync("bash", ["-euc", script], {
    cwd,
    encoding: "latin1",
    stdio: ["ignore", "pipe", "ignore"],
  });
}

async function importTar(name: string, file: string) {
  return store.importImage(imageName(name), { kind: "tar", file }, { message: `import ${file}` });
}

/** Nothing is left of an import that was refused. */
function expectNoTrace(name: string): void {
  expect(existsSync(store.treePath(imageName(name)))).toBe(false);
  expect(existsSync(`${state}/versions/${name}`)).toBe(false);
  expect(existsSync(`${state}/tmp`) ? readdirSync(`${state}/tmp`) : []).toEqual([]);
  expect(readdirSync(`${state}/locks`)).toEqual([]);
}

describe("import and export", () => {
  it("imports a directory with everything that is in it", async () => {
    const { manifest } = await store.importImage(
      web,
      { kind: "folder", folder: source },
      { message: "first" },
    );

    expect(manifest).toMatchObject({ image: "web", number: 1, message: "first" });
    expect(rsyncFinds(source, store.treePath(web))).toBe("");
    expect((await store.verify({ image: web })).damage).toEqual([]);
    expect((await store.commit(web, { message: "nothing" })).created).toBe(false);
  });

  it("exports a tar that stock tar unpacks to the very tree", async () => {
    await store.exportTar({ image: web }, `${folder}/web.tar`);
    mkdirSync(`${folder}/unpacked`);

    sh("tar -x -f ../web.tar --numeric-owner -p --xattrs --xattrs-include='*'", `${folder}/unpacked`);

    expect(rsyncFinds(source, `${folder}/unpacked`, noSockets)).toBe("");
    await expect(store.exportTar({ image: web }, `${folder}/web.tar`)).rejects.toMatchObject({
      code: "conflict",
    });
    await expect(store.exportTar({ image: web }, `${folder}/web.tar.gz`)).rejects.toMatchObject({
      code: "bad-input",
    });
    expect(readdirSync(folder).filter((name) => name.includes("unfinished"))).toEqual([]);
  });

  it.each(["zst", "gz", "xz", "bz2"])("imports what it exported, compressed as %s", async (suffix) => {
    const programs = { zst: "zstd -q", gz: "gzip", xz: "xz -1", bz2: "bzip2" };
    if (suffix === "zst") {
      await store.exportTar({ image: web }, `${folder}/web.tar.zst`);
    } else {
      sh(`${programs[suffix as "gz"]} -c web.tar > web.tar.${suffix}`);
    }

    const { manifest } = await importTar(`from-${suffix}`, `${folder}/web.tar.${suffix}`);

    expect(rsyncFinds(source, store.treePath(imageName(`from-${suffix}`)), noSockets)).toBe("");
    expect(manifest.totals.stored).toBeLessThan(50_000);
  });

  it("takes an archive as others make it: names with ./, doubles, children before their directory, none for some", async () => {
    sh(`mkdir -p odd/a/b odd/late && echo 1 > odd/a/b/f && echo 2 > odd/late/f && chmod 700 odd/late
        tar -cf odd.tar -C odd ./a/b/f ./late/f && echo changed > odd/a/b/f
        tar -rf odd.tar -C odd ./a/b/f && tar -rf odd.tar --no-recursion -C odd ./late`);

    await importTar("odd", `${folder}/odd.tar`);

    const tree = store.treePath(imageName("odd"));
    expect(readFileSync(`${tree}/a/b/f`, "latin1")).toBe("changed\n");
    expect(statSync(`${tree}/late`).mode & 0o777).toBe(0o700);
    expect(statSync(`${tree}/a/b`).mode & 0o777).toBe(0o755);
  });
});

describe("what is refused", () => {
  it("is an archive that was cut, with the byte, wherever it was cut", async () => {
    const whole = readFileSync(`${folder}/web.tar`);
    for (const length of [100, 5000, 100_000, Math.floor(whole.length / 2), whole.length - 11_000]) {
      writeFileSync(`${folder}/cut.tar`, whole.subarray(0, length));

      await expect(importTar("cut", `${folder}/cut.tar`)).rejects.toMatchObject({
        code: "hostile",
        message: expect.stringMatching(/byte \d+: archive ends in the middle/),
      });
      expectNoTrace("cut");
    }
  });

  it("is compressed data that was cut or damaged, with the byte", async () => {
    for (const suffix of ["zst", "gz", "xz", "bz2"]) {
      const whole = readFileSync(`${folder}/web.tar.${suffix}`);
      const damaged = Buffer.from(whole);
      damaged.fill(0x55, whole.length - 20_000, whole.length - 19_900);
      for (const [name, bytes] of Object.entries({ cut: whole.subarray(0, whole.length - 5000), damaged })) {
        writeFileSync(`${folder}/bad`, bytes);

        await expect(importTar(name, `${folder}/bad`)).rejects.toMatchObject({
          code: "hostile",
          message: expect.stringMatching(/byte \d+/),
        });
        expectNoTrace(name);
      }
    }
  });

  it.each([
    ["a name that climbs out", "mkdir x && echo > x/f && tar -cPf bad.tar --transform 's,^x/f,../../f,' x/f"],
    [
      "a file below a symlink",
      "mkdir x && ln -s /tmp x/l && tar -cf bad.tar -C x l && mkdir y y/l && echo > y/l/f && tar -rf bad.tar -C y l/f",
    ],
    [
      "a link to what is not there",
      "mkdir x && echo > x/a && ln x/a x/b && tar -cf all.tar -C x a b && tar --delete -f all.tar a && mv all.tar bad.tar",
    ],
    [
      "a header whose checksum is wrong",
      "mkdir x && echo > x/f && tar -cf bad.tar x && printf zz | dd of=bad.tar bs=1 seek=10 conv=notrunc",
    ],
    ["no archive at all", "head -c 100000 /dev/urandom | tr '\\000' x > bad.tar"],
  ])("is %s", async (_what, make) => {
    const place = mkdtempSync(`${folder}/bad-`);
    sh(make, place);

    await expect(importTar("bad", `${place}/bad.tar`)).rejects.toMatchObject({
      code: "hostile",
      message: expect.stringMatching(/byte \d+/),
    });
    expectNoTrace("bad");
  });

  it("is a name that is taken, a file that is not there, and a folder that holds the store", async () => {
    await expect(importTar("web", `${folder}/web.tar`)).rejects.toMatchObject({ code: "conflict" });
    await expect(importTar("none", `${folder}/none.tar`)).rejects.toMatchObject({ code: "not-found" });
    await expect(
      store.importImage(imageName("none"), { kind: "folder", folder }, { message: "" }),
    ).rejects.toMatchObject({ code: "refused" });
    expectNoTrace("none");
  });
});
