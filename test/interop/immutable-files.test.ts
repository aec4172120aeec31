import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { treeFunctions } from "../../autoinstall/install/script-tree.ts";
import { readAll } from "../../base/async.ts";
import { captureImage } from "../../images/capture/run.ts";
import type { ImageName } from "../../images/manifest.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { listCommand } from "../../images/sync/listing.ts";
import { updateNode } from "../../images/update/run.ts";
import { compareWritten } from "../../server/node/verify.ts";
import { localSession } from "../fakes/remote.ts";
import { rsyncDifferences, shell } from "./client-tree.ts";
import { hasSshd } from "./ssh-server.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = "web" as ImageName;
const session = localSession();

/** The smallest that each makes. Where runs are few, one does. */
const filesystems = (
  [
    ["ext4", "32M"],
    ["xfs", "300M"],
    ["btrfs", "150M"],
  ] as const
).slice(0, Number(process.env["INGOT_RUNS"] ?? 150) < 100 ? 1 : 3);

describe.skipIf(!hasSshd).each(filesystems)("immutable and append-only files on %s", (type, size) => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-flags-"));
  const golden = path.join(folder, "disk/golden");
  const node = path.join(folder, "disk/node");
  const store = new DirectoryStore({ state: path.join(folder, "state"), clock });
  const capture = () => captureImage({ session, store, image, root: golden, clock });
  const update = (dryRun = false) =>
    updateNode({ session, store, image, root: node, clock, options: { noBootloader: true, dryRun } });
  /** By lsattr itself. */
  const flags = (root: string) =>
    shell(
      `cd '${root}'; find . ! -type l -print0 | xargs -0 lsattr -d | sed 's/^[^ai ]*\\(i*\\)\\(a*\\)[^ai ]* /\\2\\1 /' | sort`,
    )
      .split("\n")
      .filter((line) => /^[ai]/.test(line));
  const differences = () => rsyncDifferences(golden, node, ["/etc/systemimager/"]);

  beforeAll(async () => {
    shell(`cd '${folder}'; truncate -s ${size} image; mkfs.${type} -q image; mkdir disk; mount -o loop image disk
      mkdir -p disk/node/etc/systemimager disk/golden/etc/systemimager disk/golden/dir/sub; cd disk/golden
      echo layout >etc/systemimager/autoinstallscript.conf; for n in i a both plain plain-2 dir/one dir/two; do echo $n >$n; done
      touch -d 2020-02-02 i a both dir
      chattr +i i dir; chattr +a a; chattr +ai both`);
    await capture();
    await update();
  });

  afterAll(() => {
    shell(`chattr -R -ai '${folder}/disk' 2>/dev/null; umount '${folder}/disk'`);
    rmSync(folder, { recursive: true, force: true });
  });

  test("reach the node by way of the image, and then there is nothing to do", async () => {
    expect(flags(golden)).toEqual(["a ./a", "ai ./both", "i ./dir", "i ./i"]);
    expect(flags(node)).toEqual(flags(golden));
    expect(differences()).toEqual([]);
    expect(flags(store.treePath(image))).toEqual([]);
    expect((await capture()).changed).toBe(false);
    expect([...(await update(true)).plan.actions]).toEqual([]);
  });

  test("are replaced, deleted and made, also in a directory that is immutable", async () => {
    shell(`cd '${golden}'; chattr -ai i a dir; echo new >i; echo new >dir/one; rm dir/two; echo three >dir/three; chattr +i i dir plain
      touch -d 2021-02-02 a`);
    await capture();

    const { notes } = await update();

    expect(flags(node)).toEqual(["ai ./both", "i ./dir", "i ./i", "i ./plain"]);
    expect(differences()).toEqual([]);
    expect(notes.filter((note) => note.includes("immutable"))).toHaveLength(3);
  });

  test("are left alone outside of the node, whatever names somebody gave files on it", async () => {
    shell(`cd '${folder}/disk'; echo outside >outside; chattr +i outside; cd node
      d=$(printf 'x\\n----i---------------- ..'); mkdir "$d"; echo stray >"$d/outside"; chattr +i "$d/outside"; chattr -i "$d/outside"`);

    await update();

    expect(shell(`lsattr -d '${folder}/disk/outside'`)).toMatch(/^\S*i\S* /);
    expect(differences()).toEqual([]);
  });

  test("that are immutable on the node alone, or there no more, are put right, and nothing else sent", async () => {
    shell(`cd '${node}'; chattr +i plain-2; chattr -i i`);

    const { plan } = await update();

    expect(
      [...plan.actions].map((action) =>
        action.kind === "delete" ? action.path : [action.entry.path, action.changes],
      ),
    ).toEqual([
      ["i", ["extended"]],
      ["plain-2", ["extended"]],
    ]);
    expect(flags(node)).toEqual(flags(golden));
    expect(differences()).toEqual([]);
    expect([...(await update(true)).plan.actions]).toEqual([]);
  });

  test("are so on what an install wrote, as the last thing that it does, and an update finds nothing to do", async () => {
    await capture();
    const installed = path.join(folder, "disk/installed");
    const work = path.join(folder, "work");
    const { stream } = await store.versionStream({ image });
    shell(`mkdir -p '${installed}' '${work}'`);
    writeFileSync(path.join(work, "tree"), await readAll(stream, { limit: 1e9, what: "the tree" }));
    const list = listCommand({ root: "/the/target" }).replace("/the/target", `'${installed}'`);
    shell(`zstd -dc '${work}/tree' | tar -x -f - -C '${installed}' --numeric-owner --same-owner -p --xattrs '--xattrs-include=*' --xattrs-exclude=trusted.ingot.flags --delay-directory-restore
      (${list}) >'${work}/listing'; cd '${installed}'; find . -type f -exec sha256sum -z '{}' + >'${work}/digests'`);
    const listing = readFileSync(path.join(work, "listing"));

    const { differences: wrong, flags: said } = await compareWritten({
      body: chunks([listing, readFileSync(path.join(work, "digests"))]),
      listingBytes: listing.length,
      version: store.entries({ image }),
      mountPoints: [],
      loose: [],
    });
    writeFileSync(path.join(work, "flags"), Buffer.from(said, "latin1"));
    shell(
      `set -u; say() { echo "$*" >&2; exit 1; }\n${treeFunctions}\nWORK='${work}' TARGET='${installed}' set_flags`,
    );

    expect(wrong).toEqual([]);
    expect(flags(golden).length).toBeGreaterThan(2);
    expect(flags(installed)).toEqual(flags(golden));
    expect(rsyncDifferences(golden, installed, ["/etc/systemimager/"])).toEqual([]);
    const drift = await updateNode({
      ...{ session, store, image, root: installed, clock },
      options: { noBootloader: true, dryRun: true },
    });
    expect([...drift.plan.actions]).toEqual([]);
  });
});

async function* chunks(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}
