/** Container archives, made and read by skopeo, umoci and podman: layers become a tree, a version becomes an archive; and what is refused. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
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
let folder = "";
let store: DirectoryStore;

beforeAll(() => {
  folder = mkdtempSync("/var/tmp/ingot-container-");
  mkdirSync(`${folder}/state`);
  store = new DirectoryStore({ state: `${folder}/state`, clock });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function sh(script: string): string {
  return execFileSync("bash", ["-euc", script], {
    cwd: folder,
    encoding: "latin1",
    stdio: ["ignore", "pipe", "ignore"],
  });
}

async function importContainer(name: string, file: string, reference?: string) {
  const notes: string[] = [];
  const { manifest } = await store.importImage(
    imageName(name),
    { kind: "container", file: `${folder}/${file}`, ...(reference === undefined ? {} : { reference }) },
    { message: file, onNote: (note) => notes.push(note) },
  );
  return { manifest, notes, tree: store.treePath(imageName(name)) };
}

function expectNoTrace(name: string): void {
  expect(existsSync(store.treePath(imageName(name)))).toBe(false);
  expect(existsSync(`${folder}/state/tmp`) ? readdirSync(`${folder}/state/tmp`) : []).toEqual([]);
}

/** Tar has none, and their folder's time is that of the archive's unpacking then. */
const noSockets = ["--exclude=/var/socket"];
/** The time of the root is nobody's: umoci gives it the time of the unpacking. */
const times = ["--omit-dir-times"];

describe("an image of several layers that umoci made", () => {
  beforeAll(() => {
    // What a later layer changes, removes, empties, and puts in the place of something of another kind.
    sh(`umoci init --layout oci && umoci new --image oci:web
        umoci unpack --image oci:web bundle >/dev/null
        cd bundle/rootfs
        mkdir -p usr/bin usr/sbin etc/old var/cache/deep/er lib-dir opt/emptied
        echo one >usr/bin/one && ln usr/bin/one usr/bin/other && ln -s one usr/bin/link && chmod 4755 usr/bin/one
        echo a >etc/old/a && echo b >etc/old/b && echo keep >etc/keep && echo x >var/cache/deep/er/x
        echo 1 >lib-dir/1 && echo 2 >opt/emptied/2 && mkfifo opt/pipe && chown 7:8 etc/keep
        setfattr -n user.note -v hello etc/keep && setcap cap_net_raw+ep usr/bin/other
        cd ../.. && umoci repack --image oci:web bundle >/dev/null
        cd bundle/rootfs && rm -r etc/old/a var/cache/deep lib-dir usr/bin/one
        rm -r opt/emptied && mkdir opt/emptied && echo new >opt/emptied/new
        ln -s usr/bin lib-dir && echo three >usr/bin/three && rm usr/bin/link && mkdir usr/bin/link && echo in >usr/bin/link/in
        cd ../.. && umoci repack --image oci:web bundle >/dev/null
        cd bundle/rootfs && echo again >usr/bin/one && rm -r usr/bin/link && echo file >usr/bin/link && echo more >>etc/keep
        cd ../.. && umoci repack --image oci:web bundle >/dev/null
        umoci config --image oci:web --config.entrypoint /bin/one --config.env A=b
        rm -r bundle && umoci unpack --image oci:web bundle >/dev/null`);
  });

  it.each([
    ["OCI", "oci.tar", "skopeo copy oci:oci:web oci-archive:oci.tar:web"],
    [
      "zstd layers",
      "zstd.tar",
      "skopeo copy --dest-compress-format zstd oci:oci:web oci:z:web && tar -C z -cf zstd.tar .",
    ],
    ["docker save", "docker.tar", "skopeo copy oci:oci:web docker-archive:docker.tar:web:1"],
    ["docker save, compressed", "docker.tar.gz", "gzip -k docker.tar"],
  ])("is the tree that umoci unpacks, from %s", async (_what, file, make) => {
    sh(make);

    const { notes, manifest, tree } = await importContainer(`from-${file}`, file);

    expect(rsyncFinds(`${folder}/bundle/rootfs`, tree, times)).toBe("");
    expect(manifest.source.machine).toBe("x86_64");
    expect(notes).toEqual([
      'not taken, because a machine\'s tree has no place for it: entrypoint ["/bin/one"], 1 environment variables',
      "it has not all that a machine boots with: a kernel, an init, a boot loader (install them in 'ingot image chroot')",
    ]);
    expect((await store.verify({ image: imageName(`from-${file}`) })).damage).toEqual([]);
  });

  it("is asked for by name where the archive holds several", async () => {
    sh(`umoci config --image oci:web --tag second --config.user nobody && umoci tag --image oci:web alias
        tar -C oci -cf two.tar .`);

    await expect(importContainer("two", "two.tar")).rejects.toMatchObject({
      code: "bad-input",
      message: expect.stringContaining("it holds 2 images"),
      details: { hint: expect.stringMatching(/(?=.*web)(?=.*second)(?=.*alias)/) },
    });
    expectNoTrace("two");
    expect(
      rsyncFinds(`${folder}/bundle/rootfs`, (await importContainer("two", "two.tar", "second")).tree, times),
    ).toBe("");
  });
});

describe("a version as a container archive", () => {
  it("is read by skopeo and unpacked by umoci to the very tree", async () => {
    mkdirSync(`${folder}/rich`);
    makeRichTree(`${folder}/rich`);
    const web = imageName("rich");
    await store.importImage(web, { kind: "folder", folder: `${folder}/rich` }, { message: "first" });

    const { bytes } = await store.exportContainer({ image: web }, `${folder}/rich.tar`);

    expect(bytes).toBe(readFileSync(`${folder}/rich.tar`).length);
    const seen = JSON.parse(sh("skopeo inspect --config oci-archive:rich.tar")) as {
      readonly history: readonly unknown[];
    };
    expect(seen).toMatchObject({ architecture: "amd64", os: "linux" });
    expect(seen.history).toMatchObject([{ created_by: "ingot image export rich@1", comment: "first" }]);
    expect(sh("skopeo inspect docker-archive:rich.tar --format '{{.Architecture}}'")).toBe("amd64\n");
    sh("mkdir plain && tar -C plain -xf rich.tar && umoci unpack --image plain:1 rich-bundle >/dev/null");
    // umoci leaves out SELinux labels, and to Go's tar an attribute without a value is none.
    const strict = [...noSockets, ...times, "--exclude=/srv/xattr"];
    expect(rsyncFinds(`${folder}/rich`, `${folder}/rich-bundle/rootfs`, strict)).toBe("");
    const attributes = "getfattr -d -e hex -m 'user.bin|trusted' srv/xattr";
    expect(sh(`cd rich-bundle/rootfs && ${attributes}`)).toBe(sh(`cd rich && ${attributes}`));
    expect(sh(`cd rich && ${attributes}`)).toContain("user.bin=0x00ff0a3d00");
    await expect(store.exportContainer({ image: web }, `${folder}/rich.tar`)).rejects.toMatchObject({
      code: "conflict",
    });
  });

  it("is loaded by podman under the image's name and the version's number, as the very tree", async () => {
    const podman = `podman --root ${folder}/podman/root --runroot ${folder}/podman/run --tmpdir ${folder}/podman/tmp --storage-driver vfs --events-backend=none`;

    const [loaded, mounted] = sh(
      `${podman} load --quiet -i rich.tar && ${podman} image mount localhost/rich:1`,
    ).split("\n");

    try {
      expect(loaded).toBe("Loaded image: localhost/rich:1");
      // Of podman itself: no times before 1970, no SELinux labels, no attributes without a value, and a directory's default ACL for all in it.
      const own = ["/old", "/half", "/var/lib/", "/srv/xattr", "/srv/acldir/inherits"].map(
        (at) => `--exclude=${at}`,
      );
      const root = mounted ?? "";
      expect(root.startsWith(`${folder}/podman/root/`)).toBe(true);
      expect(rsyncFinds(`${folder}/rich`, root, [...noSockets, ...times, ...own])).toBe("");
    } finally {
      sh(`${podman} image unmount --all; ${podman} rmi --all --force`);
    }
  });

  it("comes back as the same tree, and the same version makes the same archive", async () => {
    const { tree } = await importContainer("back", "rich.tar");
    await store.exportContainer({ image: imageName("rich") }, `${folder}/again.tar`);

    expect(rsyncFinds(`${folder}/rich`, tree, noSockets)).toBe("");
    sh("cmp rich.tar again.tar");
  });

  it("is refused where a name means something else in a layer, and leaves nothing behind", async () => {
    sh("mkdir odd && echo >odd/.wh.passwd");
    await store.importImage(imageName("odd"), { kind: "folder", folder: `${folder}/odd` }, { message: "" });

    await expect(
      store.exportContainer({ image: imageName("odd") }, `${folder}/odd.tar`),
    ).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("'.wh.passwd'"),
    });
    expect(readdirSync(folder).filter((name) => name.includes("unfinished") || name === "odd.tar")).toEqual(
      [],
    );
  });
});

/** A `docker save` archive of layers that tar(1) makes; the scripts run in folders of their own and write `layer.tar`. */
function dockerArchive(file: string, scripts: readonly string[], change = ""): void {
  const place = mkdtempSync(`${folder}/make-`);
  const layers = scripts.map((script, index) => {
    mkdirSync(`${place}/${index}`);
    execFileSync("bash", ["-euc", script], { cwd: `${place}/${index}`, stdio: "ignore" });
    return `${index}/layer.tar`;
  });
  const digests = layers.map(
    (layer) =>
      `sha256:${createHash("sha256")
        .update(readFileSync(`${place}/${layer}`))
        .digest("hex")}`,
  );
  const config = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: digests } };
  writeFileSync(`${place}/config.json`, JSON.stringify(config));
  writeFileSync(
    `${place}/manifest.json`,
    JSON.stringify([{ Config: "config.json", RepoTags: null, Layers: layers }]),
  );
  execFileSync(
    "bash",
    ["-euc", `${change}\ntar -cf ${folder}/${file} manifest.json config.json */layer.tar`],
    {
      cwd: place,
      stdio: "ignore",
    },
  );
}

describe("what is refused of container archives", () => {
  const base = "mkdir x && echo >x/f && ln -s /etc x/link && tar -cf layer.tar -C x f link";

  it.each([
    [
      "an entry that climbs out",
      ["mkdir x && echo >x/f && tar -cPf layer.tar --transform 's,^x/f,../../f,' x/f"],
      "",
      /at member '\.\.\/\.\.\/f'/,
    ],
    [
      "an entry below a link of a lower layer",
      [base, "mkdir -p x/link && echo >x/link/passwd && tar -cf layer.tar -C x link/passwd"],
      "",
      /layer 2, at member 'link\/passwd'.*lies below 'link', which is a symlink/,
    ],
    [
      "a hard link to what was taken away",
      [
        base,
        "mkdir x && touch x/.wh.f x/f && ln x/f x/g && tar -cf layer.tar -C x .wh.f f g && tar --delete -f layer.tar f",
      ],
      "",
      /member 'g'.*'f', which is no file before it/,
    ],
    [
      "a whiteout of no name",
      ["mkdir x && touch x/.wh.. && tar -cf layer.tar -C x .wh.."],
      "",
      /takes away what has no name/,
    ],
    [
      "a layer that is not what its digest says",
      [base],
      "echo >>0/layer.tar",
      /layer 1: its content is sha256:/,
    ],
    [
      "a layer that is not there",
      [base],
      "sed -i s,0/layer.tar,9/layer.tar, manifest.json",
      /names '9\/layer.tar' and does not hold it/,
    ],
    [
      "a layer that leads out of the archive",
      [base],
      "rm 0/layer.tar && ln -s ../../../../etc/passwd 0/layer.tar",
      /names '0\/layer.tar' and does not hold it/,
    ],
    [
      "a layer that was cut",
      [base],
      "truncate -s 700 0/layer.tar",
      /layer 1, byte \d+|layer 1.*ends in the middle/,
    ],
    ["a description that is none", [base], "echo '{' >manifest.json", /manifest.json/],
    [
      "no container at all",
      [base],
      "mv manifest.json other.json && cp other.json 0/layer.tar && echo '[]' >manifest.json && rm -f other.json",
      /holds no image/,
    ],
  ])("%s", async (_what, layers, change, message) => {
    rmSync(`${folder}/bad.tar`, { force: true });
    dockerArchive("bad.tar", layers, change);

    await expect(importContainer("bad", "bad.tar")).rejects.toMatchObject({
      message: expect.stringMatching(message),
    });
    expectNoTrace("bad");
  });

  it("an OCI blob that was changed, with its name", async () => {
    sh(`rm -rf flip && mkdir flip && tar -C flip -xf oci.tar && cd flip/blobs/sha256
        for blob in *; do if gzip -t $blob 2>/dev/null; then printf x | dd of=$blob bs=1 seek=30 conv=notrunc; break; fi; done
        cd ../.. && tar -cf ../flip.tar .`);

    await expect(importContainer("flip", "flip.tar")).rejects.toMatchObject({
      code: "hostile",
      message: expect.stringMatching(/at member 'blobs\/sha256\/[0-9a-f]{64}': its content is sha256:/),
    });
    expectNoTrace("flip");
  });

  it("an archive cut at any place", async () => {
    const whole = readFileSync(`${folder}/docker.tar`);
    for (const part of [0.1, 0.5, 0.9]) {
      writeFileSync(
        `${folder}/cut.tar`,
        whole.subarray(0, Math.floor((whole.length * part) / 512) * 512 - 100),
      );
      await expect(importContainer("cut", "cut.tar")).rejects.toMatchObject({ code: "hostile" });
      expectNoTrace("cut");
    }
  });
});
