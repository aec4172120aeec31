import { execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { escapePath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../../images/entry.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { applyVersion, wholeVersion } from "../../images/store/exact-tree.ts";
import { openVersion } from "../../images/store/open-version.ts";
import { PackIndexes } from "../../images/store/pack-indexes.ts";
import { storePaths } from "../../images/store/store-paths.ts";
import { tableOf } from "../../images/store/version-members.ts";
import { planSync } from "../../images/sync/plan.ts";
import { describeImageStore } from "../contracts/image-store.ts";
import { programOf } from "../programs.ts";
import { imageName } from "./store-support/image-name.ts";

const extract = "tar -x --numeric-owner -p --xattrs '--xattrs-include=*'";
const clock = {
  now: () => Date.now(),
  sleep: (time: number) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, time);
    }),
};
const web = imageName("web");
let folder = "";

beforeAll(() => {
  folder = mkdtempSync("/var/tmp/ingot-store-");
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function storeAt(state: string): DirectoryStore {
  mkdirSync(state, { recursive: true });
  return new DirectoryStore({ state, clock });
}

function sh(script: string, cwd: string): string {
  return execFileSync("bash", ["-euc", script], {
    cwd,
    encoding: "latin1",
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** A tree with everything that an image must keep. */
function makeTree(tree: string): void {
  mkdirSync(tree, { recursive: true });
  sh(
    String.raw`
    mkdir -p a/sub a-b empty ro etc bin/deep links
    for i in $(seq 1 300); do head -c $((RANDOM % 9000)) /dev/urandom > a/sub/f$i; done
    yes 'text that compresses' | head -c 9000000 > big
    head -c 5000000 /dev/urandom > random
    : > a/nothing
    ln a/sub/f1 a/z-link; ln a-b/.. 2>/dev/null || true
    echo target > a-b/y; ln a-b/y a/x
    ln -s ../etc links/up; ln -s /etc/passwd links/absolute; ln -s sub a/here
    mknod etc/null c 1 3; mknod etc/disk b 8 17; mkfifo etc/pipe; ln etc/null etc/null2
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("etc/socket")'
    truncate -s 20M sparse; echo end >> sparse; printf x | dd of=sparse bs=1 seek=7000000 conv=notrunc status=none
    truncate -s 3M holes
    printf 'latin' > $'na\xefve'; printf 'n' > $'new\nline'; printf 't' > $'tab\tback\\slash'; printf s > ' space '
    mkdir -p "$(printf 'd%.0s' {1..200})/$(printf 'e%.0s' {1..200})"; echo long > "$(printf 'd%.0s' {1..200})/$(printf 'e%.0s' {1..200})/f"
    setfattr -n user.note -v 'hello' a/sub/f2; setfattr -n user.binary -v 0x000a3d00ff a/sub/f3; setfattr -n trusted.t -v 1 empty
    setfacl -m u:1234:rw,g:55:r etc; setfacl -d -m u:1234:rwx etc; setfacl -m u:77:r a/sub/f4
    cp /bin/true bin/ping; setcap cap_net_raw+ep bin/ping
    chown 12345:54321 a/sub/f5; chmod 4755 a/sub/f6; chmod 1777 empty; chown -h 9:9 links/up
    touch -d '2040-01-02 03:04:05.123456789' a/sub/f7; touch -d '1965-05-05 05:05:05.5' a/sub/f8
    echo ro > ro/file; chmod 555 ro; chown 5000000:6000000 ro
    touch -d '2001-01-01 00:00:00.000000001' a a-b empty links .
    sleep 0.2
  `,
    tree,
  );
}

/** What rsync would do to make `to` what `from` is. */
function differences(from: string, to: string): string {
  return sh(`rsync -naHAX --numeric-ids --delete --checksum -i '${from}/' '${to}/'`, "/");
}

function sockets(text: string): string {
  // tar has no sockets; rsync lists the one of the tree and the time of its directory is not moved by it.
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("cS+") && !line.endsWith("etc/socket"))
    .join("\n");
}

async function unpackVersion(
  store: DirectoryStore,
  options: { readonly image?: ReturnType<typeof imageName>; readonly number?: number; readonly to: string },
): Promise<void> {
  mkdirSync(options.to, { recursive: true });
  const { stream, bytes } = await store.versionStream({
    image: options.image ?? web,
    ...(options.number === undefined ? {} : { number: options.number }),
  });
  const file = `${options.to}.tar.zst`;
  const handle = openSync(file, "w");
  for await (const chunk of stream) {
    writeSync(handle, chunk);
  }
  closeSync(handle);
  expect(Number(sh(`zstd -dc '${file}' | wc -c`, "/"))).toBe(bytes);
  sh(`zstd -dc '${file}' | ${extract}`, options.to);
}

async function allEntries(store: DirectoryStore): Promise<Map<string, FileEntry>> {
  const entries = new Map<string, FileEntry>();
  for await (const entry of store.entries({ image: web })) {
    entries.set(escapePath(entry.path), entry);
  }
  return entries;
}

describeImageStore("DirectoryStore", () => Promise.resolve(storeAt(mkdtempSync(`${folder}/contract-`))));

describe("a version of a tree with everything in it", () => {
  const at = (name: string): string => `${folder}/full/${name}`;
  let store: DirectoryStore;
  const tree = (): string => at("state/images/web");

  beforeAll(async () => {
    store = storeAt(at("state"));
    makeTree(tree());
    await store.commit(web, { message: "first" });
  });

  it("unpacks from its packs with stock zstd and tar, and rsync finds no difference", () => {
    mkdirSync(at("from-packs"));

    sh(`zstd -dc '${at("state/packs")}'/*.tar.zst | ${extract}`, at("from-packs"));

    expect(sockets(differences(tree(), at("from-packs")))).toBe("");
  });

  it("comes as a stream that unpacks to the tree", async () => {
    await unpackVersion(store, { to: at("streamed") });

    expect(sockets(differences(tree(), at("streamed")))).toBe("");
  });

  it("lists every entry with the digest that sha256sum gives", async () => {
    const entries = await allEntries(store);

    for (const name of ["big", "sparse", "holes", "a/nothing", "a/sub/f1"]) {
      const [digest] = sh(`sha256sum '${name}'`, tree()).split(" ");
      expect(entries.get(name)).toMatchObject({ kind: "file", digest });
    }
    expect(entries.get("na\\xefve")).toMatchObject({ kind: "file", size: 5 });
    expect(entries.get("a/x")).toMatchObject({ kind: "hardlink", target: "a-b/y" });
    expect(entries.get("etc/socket")).toMatchObject({ kind: "socket" });
  });

  it("gives single members, sparse and linked ones too, in the order asked for", async () => {
    const paths = ["sparse", "etc", "a-b/y", "a/x", "na\xefve", "etc/null"] as RelPath[];
    const chunks: Uint8Array[] = [];
    for await (const chunk of store.members({ image: web }, paths)) {
      chunks.push(chunk);
    }
    mkdirSync(at("members"));
    writeFileSync(at("members.tar"), Buffer.concat(chunks));

    const names = sh(`tar -tf '${at("members.tar")}' --quoting-style=escape`, "/")
      .trim()
      .split("\n");
    sh(`${extract} -f '${at("members.tar")}'`, at("members"));

    expect(names).toEqual(["sparse", "etc/", "a-b/y", "a/x", "na\\357ve", "etc/null"]);
    expect(sh(`cmp sparse '${tree()}/sparse' && stat -c %h a/x`, at("members")).trim()).toBe("2");
    expect(statSync(at("members/sparse")).blocks).toBeLessThan(1000);
  });

  it("gives the same members in the order in which they are stored", async () => {
    const entries = [...(await allEntries(store)).values()].filter((entry) => entry.kind !== "socket");
    const paths = entries.map((entry) => entry.path).reverse();
    mkdirSync(at("stored"));
    const file = openSync(at("stored.tar"), "w");
    for await (const chunk of store.members({ image: web }, paths, { order: "stored" })) {
      writeSync(file, chunk);
    }
    closeSync(file);

    sh(`${extract} -f '${at("stored.tar")}'`, at("stored"));

    expect(sh(`tar -tf '${at("stored.tar")}' | wc -l`, "/").trim()).toBe(String(paths.length));
    expect(sockets(differences(tree(), at("stored")))).toBe("");
  });

  it("reads a file, holes filled, and refuses one over the limit", async () => {
    const content = await store.readFile({ image: web }, "holes" as RelPath, { limit: 4_000_000 });

    expect(content.length).toBe(3 * 1024 * 1024);
    await expect(store.readFile({ image: web }, "big" as RelPath, { limit: 10 })).rejects.toMatchObject({
      code: "refused",
    });
  });

  it("costs little where little changed, reads only that, and still unpacks exactly", async () => {
    const before = sizeOf(at("state/packs"));
    sh(
      `
      for i in 10 20 30; do echo changed >> a/sub/f$i; done
      rm a/sub/f40 a/x; chmod 640 a/sub/f50; setfattr -n user.new -v 1 a/sub/f60; touch -h -d 2015-01-01 links/up
      echo new > a-b/new; mv random moved; ln moved moved-link; rm -r empty; echo file > empty; rm a/here; mkdir a/here
    `,
      tree(),
    );

    const result = await store.commit(web, { message: "second" });

    expect(result.created).toBe(true);
    expect(result.read.entries).toBeLessThan(20);
    expect(result.read.bytes).toBeLessThan(5_100_000);
    expect(sizeOf(at("state/packs")) - before).toBeLessThan(40_000);
    await unpackVersion(store, { to: at("second") });
    expect(sockets(differences(tree(), at("second")))).toBe("");
    await unpackVersion(store, { number: 1, to: at("first-again") });
    expect(sockets(differences(at("streamed"), at("first-again")))).toBe("");
    expect((await store.verify({ image: web })).damage).toEqual([]);
  });

  it.each([300_000, 9_000_000])(
    "keeps holes of a file whose %d bytes are stored without any",
    async (size) => {
      const image = imageName(`holes${size}`);
      const place = at(`state/images/${image}`);
      mkdirSync(place);
      sh(`head -c ${size} /dev/zero > dense; printf x >> dense`, place);
      await store.commit(image, { message: "without holes" });
      sh("cp --sparse=always dense sparse; cp --sparse=never dense dense2", place);
      await store.commit(image, { message: "with holes" });

      await unpackVersion(store, { image, to: at(`out${size}`) });

      const blocks = (name: string) => statSync(at(`out${size}/${name}`)).blocks * 512;
      expect(sh(`cmp dense sparse && cmp dense dense2 && echo same`, at(`out${size}`))).toBe("same\n");
      expect(blocks("sparse")).toBeLessThan(size / 10);
      expect(blocks("dense2")).toBeGreaterThan(size / 2);
      expect((await store.verify({ image })).damage).toEqual([]);
    },
  );

  it("need not read what a capture has seen already", async () => {
    const entries = await allEntries(store);
    const other = imageName("copy");
    sh(`cp -a '${tree()}' '${at("state/images/copy")}'`, "/");

    const result = await store.commit(other, {
      message: "copied",
      known: (entry) => {
        const seen = entries.get(escapePath(entry.path));
        const digest = seen?.kind === "file" ? seen.digest : undefined;
        return seen === undefined
          ? undefined
          : { extended: seen.extended ?? [], ...(digest === undefined ? {} : { digest }) };
      },
    });

    expect(result.read).toEqual({ entries: 0, bytes: 0 });
    expect(result.manifest.totals.stored).toBeLessThan(20_000);
  });
});

describe("a version whose content another image has in another order, some of it several times", () => {
  it("is read in stored order with each frame of its packs once, and comes whole", async () => {
    const state = `${folder}/shared`;
    const store = storeAt(state);
    const [first, second] = [imageName("first"), imageName("second")];
    mkdirSync(`${state}/images`, { recursive: true });
    sh(
      `mkdir -p first second/more
       for i in $(seq 10 69); do head -c 400000 /dev/urandom > first/f$i; done
       for i in $(seq 10 69); do cp first/f$i second/b$((80 - i)); done
       for i in 15 35 65; do cp first/f$i second/more/copy$i; done
       chmod 751 second/b40; echo own > second/own; truncate -s 5M second/hole; cp second/hole second/hole-too`,
      `${state}/images`,
    );
    await store.commit(first, { message: "first" });
    const { manifest } = await store.commit(second, { message: "second" });
    const entries: FileEntry[] = [];
    for await (const entry of store.entries({ image: second })) {
      entries.push(entry);
    }
    const frames = manifest.packs.reduce((sum, id) => sum + framesOf(`${state}/packs/${id}.tar.zst`), 0);

    let read = 0;
    const file = openSync(`${state}/second.tar`, "w");
    const paths = entries.map((entry) => entry.path);
    for await (const chunk of store.members({ image: second }, paths, {
      order: "stored",
      onRead: (count) => {
        read += count;
      },
    })) {
      writeSync(file, chunk);
    }
    closeSync(file);

    mkdirSync(`${state}/out`);
    sh(`${extract} -f ../second.tar; ${extract} -f ../second.tar more`, `${state}/out`);
    sh("touch -r ../images/second .", `${state}/out`);
    expect(frames).toBeGreaterThan(5);
    expect(read).toBeLessThanOrEqual(frames);
    expect(differences(`${state}/images/second`, `${state}/out`)).toBe("");
  });
});

describe("a tree that is made of a version whose content lies in another order, some of it in an older pack", () => {
  it("comes whole, each frame of the packs read once, and so does what a rollback puts back", async () => {
    const state = `${folder}/made`;
    const store = storeAt(state);
    const tree = `${state}/images/web`;
    mkdirSync(tree, { recursive: true });
    sh(
      `mkdir more; for i in $(seq 10 69); do head -c 400000 /dev/urandom > f$i; done; cp f30 more/copy
       ln f50 a-link; ln -s f50 more/link; setfattr -n user.note -v kept f20; truncate -s 5M hole; mkfifo pipe`,
      tree,
    );
    await store.commit(web, { message: "first" });
    sh(
      `for i in $(seq 10 69); do mv f$i b$((80 - i)); done; chmod 700 b30 more
       for i in $(seq 1 20); do head -c 400000 /dev/urandom > c$i; done; mkdir more/deep; echo own > more/deep/file`,
      tree,
    );
    const { manifest } = await store.commit(web, { message: "second" });
    const frames = manifest.packs.reduce((sum, id) => sum + framesOf(`${state}/packs/${id}.tar.zst`), 0);
    const version = await openVersion(
      { paths: storePaths(state), indexes: new PackIndexes() },
      { image: web },
    );
    const table = await tableOf(version);
    const source = wholeVersion(table);
    let read = 0;

    await applyVersion({
      version,
      table,
      tree: `${state}/made`,
      actions: [...planSync({ source, target: [], options: { deleteExtraneous: true } })],
      options: {},
      onRead: (count) => {
        read += count;
      },
    });
    await version.close();
    sh("find . -mindepth 1 -not -name 'c[0-9]*' -delete; echo left > left; mkdir b30", tree);
    await store.rollback({ image: web, number: 2 }, { discard: true });

    expect(frames).toBeGreaterThan(6);
    expect(read).toBeLessThanOrEqual(frames);
    expect(differences(tree, `${state}/made`)).toBe("");
    expect(sh("stat -c '%a %h' b30 a-link more; cat more/deep/file", tree)).toBe(
      "700 2\n700 2\n700 3\nown\n",
    );
    await expect(store.commit(web, { message: "same" })).resolves.toMatchObject({ created: false });
  });
});

/** As zstd counts them, without the index. */
function framesOf(pack: string): number {
  return Number(/# Zstandard Frames: (\d+)/.exec(sh(`zstd -lv '${pack}'`, "/"))?.[1]);
}

describe("damage", () => {
  it("is found by verify, named, and never streamed", async () => {
    const state = `${folder}/damage`;
    const store = storeAt(state);
    const tree = `${state}/images/web`;
    mkdirSync(tree, { recursive: true });
    sh("for i in 1 2 3; do head -c 3000000 /dev/urandom > file$i; done", tree);
    const { manifest } = await store.commit(web, { message: "first" });
    const pack = `${state}/packs/${manifest.packs[0]}.tar.zst`;
    flipBit(pack, 4_000_000);

    const report = await store.verify({ image: web });

    const paths = report.damage.flatMap((damage) => (damage.path === undefined ? [] : [damage.path]));
    expect(paths).toEqual(["file2"]);
    expect(
      report.damage.some((damage) => damage.path === undefined && damage.pack === manifest.packs[0]),
    ).toBe(true);
    const { stream } = await store.versionStream({ image: web });
    await expect(drain(stream)).rejects.toMatchObject({ code: "corrupt" });
    await expect(drain(store.members({ image: web }, ["file2" as RelPath]))).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringContaining("'file2' in web@1"),
    });
    const all = ["file1", "file2", "file3"] as RelPath[];
    await expect(drain(store.members({ image: web }, all, { order: "stored" }))).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringContaining("'file2' in web@1"),
    });
    await expect(drain(store.members({ image: web }, ["file1" as RelPath]))).resolves.toBeGreaterThan(
      3_000_000,
    );
  });

  it("of a manifest is found", async () => {
    const state = `${folder}/damaged-manifest`;
    const store = storeAt(state);
    mkdirSync(`${state}/images/web`, { recursive: true });
    writeFileSync(`${state}/images/web/file`, "content");
    await store.commit(web, { message: "first" });
    const file = `${state}/versions/web/1.manifest.zst`;
    flipBit(file, statSync(file).size - 30);

    const report = await store.verify({ image: web });

    expect(report.damage).toHaveLength(1);
    expect(report.damage[0]?.problem).toContain("manifest of web@1");
  });
});

describe("a commit that is killed", () => {
  it("leaves the last version whole, and the next one clears what it left", async () => {
    const state = `${folder}/killed`;
    const store = storeAt(state);
    const tree = `${state}/images/web`;
    mkdirSync(tree, { recursive: true });
    sh("head -c 1000000 /dev/urandom > first", tree);
    await store.commit(web, { message: "first" });
    sh("for i in $(seq 1 40); do head -c 2000000 /dev/urandom > file$i; done", tree);

    for (const wait of [300, 500, 700, 900, 1100]) {
      await killedCommit(state, wait);
      const report = await store.verify({ image: web });
      expect(report.damage).toEqual([]);
    }
    await store.commit(web, { message: "at last" });

    expect(readdirSync(`${state}/tmp`)).toEqual([]);
    expect(readdirSync(`${state}/locks`).filter((name) => name.endsWith(".lock"))).toEqual([]);
    const named = new Set((await store.history(web)).flatMap((manifest) => manifest.packs));
    expect(new Set(readdirSync(`${state}/packs`).map((name) => name.slice(0, 64)))).toEqual(named);
    expect((await store.verify({ image: web })).damage).toEqual([]);
  });
});

/** Runs a commit in a process of its own and kills it after some milliseconds. */
function killedCommit(state: string, wait: number): Promise<void> {
  const [node, program] = programOf(new URL("./store-support/commit-once.ts", import.meta.url));
  const child = spawn(node, [program, state], { stdio: "ignore" });
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), wait);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function flipBit(file: string, position: number): void {
  const bytes = readFileSync(file);
  bytes[position] = (bytes[position] ?? 0) ^ 4;
  writeFileSync(file, bytes);
}

function sizeOf(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(`${directory}/${name}`).size, 0);
}

async function drain(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
  }
  return length;
}
