import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { captureImage } from "../../images/capture/run.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { localSession } from "../fakes/remote.ts";
import { rsyncDifferences, shell } from "./client-tree.ts";
import { hasSshd } from "./ssh-server.ts";
import { imageName } from "./store-support/image-name.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = imageName("web");

describe.skipIf(!hasSshd)("large files of a capture", () => {
  let folder: string;
  let root: string;
  let store: DirectoryStore;

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "ingot-blocks-"));
    root = path.join(folder, "golden");
    shell(`mkdir -p '${root}/srv' '${root}/etc/systemimager'; cd '${root}'; head -c 40000000 /dev/urandom >srv/big; head -c 1000001 /dev/urandom >srv/small; head -c 3000001 /dev/urandom >srv/plain
      echo layout >etc/systemimager/autoinstallscript.conf; chmod 640 srv/big; chown 3:4 srv/big; setfattr -n user.x -v 1 srv/big; setfacl -m u:9:r srv/small`);
    store = new DirectoryStore({ state: path.join(folder, "state"), clock });
    await capture();
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const capture = (options: { checksum?: boolean } = {}) =>
    captureImage({ session: localSession(), store, image, root, clock, ...options });
  const differences = () => rsyncDifferences(root, store.treePath(image));

  test("one whose time moved and whose content did not is not sent", async () => {
    shell(`touch '${root}/srv/big' '${root}/srv/small'`);

    const result = await capture();

    expect(result.sentBytes).toBe(0);
    expect(differences()).toEqual([]);
  });

  test.each([
    ["a byte in the middle", "printf x | dd of=srv/big bs=1 seek=20000000 conv=notrunc status=none", 262_144],
    ["a longer end", "head -c 300000 /dev/urandom >>srv/big", 524_288],
    ["a shorter end", "truncate -s 39000000 srv/big", 262_144],
    [
      "another mode, owner and attribute",
      "chmod 4755 srv/big; chown 5:6 srv/big; setfattr -n user.y -v 2 srv/big",
      0,
    ],
  ])("%s moves its blocks only", async (_what, change, most) => {
    shell(`cd '${root}'; ${change}`);

    const result = await capture();

    expect(result.sentBytes).toBeLessThanOrEqual(most);
    expect(differences()).toEqual([]);
    const content = await store.readFile({ image }, "srv/big" as never, { limit: 1e9 });
    const digest = createHash("sha256").update(content).digest("hex");
    expect(shell(`sha256sum '${root}/srv/big'`)).toContain(digest);
  });

  test("one without attributes is made of the image's own, also where its blocks are known already", async () => {
    const changes = [
      "printf x | dd of=srv/plain bs=1 seek=1500000 conv=notrunc status=none",
      "printf y | dd of=srv/plain bs=1 seek=1500000 conv=notrunc status=none; printf y | dd of=srv/plain bs=1 seek=9 conv=notrunc status=none",
      "head -c 300000 /dev/urandom >>srv/plain; chmod 2750 srv/plain; chown 7:8 srv/plain",
      "truncate -s 2000000 srv/plain; touch -d '1960-01-01 00:00:00.123456789' srv/plain",
      "printf z | dd of=srv/plain bs=1 seek=1999999 conv=notrunc status=none; setfattr -n user.z -v 1 srv/plain",
    ];
    for (const change of changes) {
      shell(`cd '${root}'; ${change}`);

      const result = await capture();

      expect(result.sentBytes).toBeLessThanOrEqual(2 * 262_144);
      expect(differences()).toEqual([]);
      const content = await store.readFile({ image }, "srv/plain" as never, { limit: 1e9 });
      const digest = createHash("sha256").update(content).digest("hex");
      expect(shell(`sha256sum '${root}/srv/plain'`)).toContain(digest);
    }
  });

  test("one whose blocks are known and that changed in the image's tree too is put right", async () => {
    const plain = (base: string, at: number) =>
      shell(`printf "$$" | dd of='${base}/srv/plain' bs=1 seek=${at} conv=notrunc status=none`);
    plain(root, 5);
    await capture();
    plain(store.treePath(image), 1_000_000);
    plain(root, 2_000_000);

    const result = await capture();

    expect(result.sentBytes).toBe(2 * 262_144);
    expect(differences()).toEqual([]);
  });

  test("checksum compares all, and sends small files only where they may differ", async () => {
    const result = await capture({ checksum: true });

    expect(result).toMatchObject({ changed: false, passes: 1 });
    expect(result.sentBytes).toBeLessThan(1000);
    expect(differences()).toEqual([]);
  });

  test("one that changes in the image's tree only is put right", async () => {
    shell(
      `printf "differs & more" | dd of='${store.treePath(image)}/srv/big' bs=1 seek=5 conv=notrunc status=none`,
    );

    const result = await capture();

    expect(result.sentBytes).toBe(262_144);
    expect(differences()).toEqual([]);
  });
});
