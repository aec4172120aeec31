/** Updates that replace the C library, the shell and every tool that the update itself runs: Debian 11 becomes Debian 12. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { defaultProfiles, profileRules } from "../../images/sync/profiles.ts";
import { ownFiles } from "../../images/update/prepare-plan.ts";
import { updateNode } from "../../images/update/run.ts";
import { chrootSession } from "./chroot-session.ts";
import { rsyncDifferences, shell } from "./client-tree.ts";
import { debianTar, inChroot, unpackTree } from "./debian-tree.ts";
import { hasSshd } from "./ssh-server.ts";
import { imageName } from "./store-support/image-name.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const excludes = [...ownFiles, ...defaultProfiles.update.flatMap(profileRules)]
  .filter((rule) => rule.text.startsWith("- "))
  .map((rule) => rule.text.slice(2));

describe.skipIf(!hasSshd)("an update to another distribution", () => {
  const image = imageName("twelve");
  let folder: string;
  let node: string;
  let old: string;
  let store: DirectoryStore;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "ingot-distribution-"));
    node = path.join(folder, "node");
    old = debianTar({ suite: "bullseye", packages: ["mount"] });
    store = new DirectoryStore({ state: path.join(folder, "state"), clock });
    const lock = await store.lock(image, { holder: "test" });
    unpackTree(debianTar({ suite: "bookworm", packages: ["curl", "wget"] }), await store.prepareTree(lock));
    await store.commit(image, { message: "Debian 12", lock });
    await lock.release();
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(() => {
    rmSync(node, { recursive: true, force: true });
    unpackTree(old, node);
    shell(`mkdir -p '${node}/home/anna'; echo hers > '${node}/home/anna/file'`);
  });

  const update = (more: { signal?: AbortSignal; onPhase?: (phase: string) => void } = {}) =>
    updateNode({
      session: chrootSession(node),
      store,
      image,
      options: { noBootloader: true },
      clock,
      onProgress: ({ phase }) => more.onPhase?.(phase),
      ...(more.signal === undefined ? {} : { signal: more.signal }),
    });
  // Directories that other filesystems cover while the tree runs as a machine keep their own times.
  const differences = () =>
    rsyncDifferences(store.treePath(image), node, excludes).filter(
      (line) => !/^\.d\S+ (dev|proc|run|sys|tmp)\/$/.test(line),
    );

  test("ends with the image's system, its files where the merged /usr has them", async () => {
    expect(shell(`readlink '${node}/bin' || echo folder`)).toBe("folder\n");

    const result = await update();

    expect(result.notes).toEqual([]);
    expect(differences()).toEqual([]);
    expect(
      inChroot(node, ". /etc/os-release; echo $VERSION_ID; readlink /bin; cat /home/anna/file").stdout,
    ).toBe("12\nusr/bin\nhers\n");
    expect(shell(`find '${node}' -xdev -name '.ingot-staging'; ls '${node}/run' | grep ingot || true`)).toBe(
      "",
    );
  });

  test("cut off anywhere, the machine still runs programs and a second update finishes", async () => {
    const phases: [string, number][] = [];
    await update({ onPhase: (phase) => phases.push([phase, Date.now()]) });
    const at = (name: string) => phases.find(([phase]) => phase === name)?.[1] ?? 0;
    const length = at("done") - at("rename");
    const rounds = Number(process.env.INGOT_KILL_ROUNDS ?? "6");
    let cut = 0;
    for (let round = 0; round < rounds; round++) {
      const moment = (length * (round + 0.5)) / rounds;
      rmSync(node, { recursive: true, force: true });
      unpackTree(old, node);
      const power = new AbortController();
      const first = update({
        signal: power.signal,
        onPhase: (phase) => {
          if (phase === "rename") {
            void delay(moment).then(() => power.abort());
          }
        },
      });
      cut += await first.then(
        () => 0,
        () => 1,
      );
      const where = `after ${Math.round(moment)} of ${length} ms`;
      expect(
        inChroot(node, "ls / >/dev/null && find --version >/dev/null && echo runs"),
        where,
      ).toMatchObject({
        stdout: "runs\n",
      });

      await update();

      expect(differences(), where).toEqual([]);
    }
    // The first round is cut off at once; how far the later ones come depends on the machine.
    expect(cut).toBeGreaterThan(0);
  });
});
