import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { captureImage } from "../../images/capture/run.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { updateNode } from "../../images/update/run.ts";
import { localSession } from "../fakes/remote.ts";
import { rsyncDifferences, shell } from "./client-tree.ts";
import { hasSshd } from "./ssh-server.ts";
import { imageName } from "./store-support/image-name.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = imageName("web");

describe.skipIf(!hasSshd)("large files of an update", () => {
  const session = localSession();
  let folder: string;
  let node: string;
  let store: DirectoryStore;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "ingot-patches-"));
    const golden = path.join(folder, "golden");
    node = path.join(folder, "node");
    shell(`mkdir -p '${golden}/srv' '${golden}/etc/systemimager'; cd '${golden}'; echo layout >etc/systemimager/autoinstallscript.conf
      head -c 16000001 /dev/urandom >srv/big; ln srv/big srv/big-too; head -c 3000000 /dev/urandom >srv/attributed; chmod 4751 srv/big; chown 3:4 srv/big
      setfattr -n user.x -v 1 srv/attributed; setfacl -m u:9:r srv/attributed; setcap cap_chown+ep srv/attributed`);
    store = new DirectoryStore({ state: path.join(folder, "state"), clock });
    await captureImage({ session, store, image, root: golden, clock });
  });

  beforeEach(() => {
    shell(`rm -rf '${node}'; cp -a '${folder}/golden' '${node}'`);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const update = (options: object = {}) =>
    updateNode({ session, store, image, root: node, clock, options: { noBootloader: true, ...options } });
  const differences = () => rsyncDifferences(store.treePath(image), node, ["/etc/systemimager/"]);

  test.each([
    ["a byte in the middle", "printf x | dd of=srv/big bs=1 seek=8000000 conv=notrunc status=none", 262_144],
    ["the last byte", "printf x | dd of=srv/big bs=1 seek=16000000 conv=notrunc status=none", 262_144],
    ["a longer end", "head -c 300000 /dev/urandom >>srv/big", 262_144],
    ["a shorter end", "truncate -s 15900000 srv/big", 524_288],
    [
      "two places",
      "for at in 5 15000000; do printf x | dd of=srv/big bs=1 seek=$at conv=notrunc status=none; done",
      524_288,
    ],
    ["the time alone", "touch srv/big srv/attributed", 0],
    ["a new inode with the same content", "cp srv/big x; mv x srv/big; ln -f srv/big srv/big-too", 0],
    [
      "content, owner, mode and attributes",
      "printf x >>srv/attributed; chown 9:9 srv/attributed; setfattr -x user.x srv/attributed",
      262_144,
    ],
  ])("%s moves the blocks that differ", async (_what, change, most) => {
    shell(`cd '${node}'; ${change}`);

    const { plan } = await update();

    expect(plan.summary.bytes).toBeLessThanOrEqual(most);
    expect(differences()).toEqual([]);
    expect(
      shell(`cd '${node}'; getcap srv/attributed; stat -c %h srv/big; find . -name .ingot-staging`),
    ).toBe("srv/attributed cap_chown=ep\n2\n");
  });

  test("content of the same size and time is found by checksum alone, and then sent as blocks", async () => {
    await update();
    shell(`cd '${node}'; touch -r srv/big ../time; printf x | dd of=srv/big bs=1 seek=7 conv=notrunc status=none; touch -r ../time srv/big
      touch -d '+1 hour' etc/systemimager/IMAGE_LAST_SYNCED_TO`);

    expect([...(await update({ dryRun: true })).plan.actions]).toEqual([]);
    const { plan } = await update({ checksum: true });

    expect(plan.summary).toMatchObject({ write: 2, bytes: 262_144 });
    expect(differences()).toEqual([]);
  });

  test("blocks are the version's, whatever stands in the image's tree", async () => {
    const spoil = (base: string, at: number) =>
      shell(`printf "$$" | dd of='${base}/srv/big' bs=1 seek=${at} conv=notrunc status=none`);
    // Known from here on: both ends' blocks, and which of them the tree has.
    spoil(node, 300_000);
    await update();
    spoil(node, 300_000);
    spoil(node, 9_000_000);
    spoil(store.treePath(image), 9_000_000);

    const { plan } = await update();

    expect(plan.summary.bytes).toBe(2 * 262_144);
    expect(rsyncDifferences(path.join(folder, "golden"), node, ["/etc/systemimager/"])).toEqual([]);
    shell(`cp -p '${folder}/golden/srv/big' '${store.treePath(image)}/srv/big'`);
  });

  test("what a machine's perl does not rename is renamed without it", async () => {
    shell(`mkdir -p '${folder}/bin'; printf '#!/bin/sh\nexit 1\n' >'${folder}/bin/perl'; chmod 755 '${folder}/bin/perl'
      cd '${node}'; echo x >>srv/big; rm srv/attributed`);
    const perlless = {
      ...session,
      exec: (command: never, options: never) =>
        session.exec(`PATH='${folder}/bin':$PATH; export PATH\n${command}` as never, options),
    };

    await updateNode({ session: perlless, store, image, root: node, clock, options: { noBootloader: true } });

    expect(differences()).toEqual([]);
  });

  test("changes nothing where the file changes while the update is made", async () => {
    shell(`cd '${node}'; printf x >>srv/big; echo other >etc/other`);
    const meddling = {
      ...session,
      exec: async (command: never, options: never) => {
        if (String(command).includes("ingot_receive")) {
          shell(`cd '${node}'; printf y | dd of=srv/big bs=1 seek=9 conv=notrunc status=none`);
        }
        return await session.exec(command, options);
      },
    };

    const failed = updateNode({
      session: meddling,
      store,
      image,
      root: node,
      clock,
      options: { noBootloader: true },
    });

    await expect(failed).rejects.toThrow(/srv\/big changed while the update was made/);
    expect(shell(`cat '${node}/etc/other'`)).toBe("other\n");
    await update();
    expect(differences()).toEqual([]);
  });
});
