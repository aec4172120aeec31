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
    shell(`mkdir -p '${root}/srv' '${root}/etc/systemimager'; cd '${root}'; head -c 40000000 /dev/urandom >srv/big; head -c 1000001 /dev/urandom >srv/small
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

  test("checksum compares all, and sends small files only where they may differ", async () => {
    const result = await capture({ checksum: true });

    expect(result).toMatchObject({ changed: false, passes: 1 });
    expect(result.sentBytes).toBeLessThan(1000);
    expect(differences()).toEqual([]);
  });

  test("one that changes in the image's tree only is put right", async () => {
    shell(`printf y | dd of='${store.treePath(image)}/srv/big' bs=1 seek=5 conv=notrunc status=none`);

    const result = await capture();

    expect(result.sentBytes).toBe(262_144);
    expect(differences()).toEqual([]);
  });
});
