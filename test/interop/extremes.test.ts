import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { captureImage } from "../../images/capture/run.ts";
import type { ImageName } from "../../images/manifest.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { updateNode } from "../../images/update/run.ts";
import { localSession } from "../fakes/remote.ts";
import { rsyncDifferences, shell } from "./client-tree.ts";
import { hasSshd } from "./ssh-server.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = "web" as ImageName;

/** Its digest is over all of its zeros: where runs are few, fewer. Over 8 GiB, a tar's size is no octal number any more. */
const [gib, places] =
  Number(process.env["INGOT_RUNS"] ?? 150) < 100 ? [1, "0 536870912"] : [9, "0 4294967296 8589934592"];

/** Makes directories of 200 bytes in each other in `root`, and a file of `last` bytes' name in the innermost. */
function deep(root: string, levels: number, last: number): void {
  const script = `chdir $ARGV[0]; for (1..$ARGV[1]) { mkdir "d"x200; chdir "d"x200; } open F, ">"."f"x$ARGV[2]; print F "deep"; close F;`;
  execFileSync("perl", ["-e", script, root, String(levels), String(last)]);
}

describe.skipIf(!hasSshd)("what is larger, longer or older than usual", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-extremes-"));
  const golden = path.join(folder, "golden");
  const node = path.join(folder, "node");
  const store = new DirectoryStore({ state: path.join(folder, "state"), clock });
  const place = { session: localSession(), store, image, clock };
  const capture = () => captureImage({ ...place, root: golden });
  const update = () => updateNode({ ...place, root: node, options: { noBootloader: true } });

  beforeAll(() => {
    shell(`mkdir -p '${golden}/etc/systemimager' '${golden}/srv' '${node}/etc/systemimager'; cd '${golden}/srv'
      echo layout >../etc/systemimager/autoinstallscript.conf
      truncate -s ${gib}G sparse; for at in ${places}; do echo "at $at" | dd of=sparse bs=1 seek=$at conv=notrunc status=none; done
      echo x >owned; chown 4294967294:2097152 owned; touch -d '1903-01-01 00:00:00.000000001' old; touch -d '2242-01-01 00:00:00.999999999' new`);
    deep(golden, 19, 181);
  });

  // The trees' own removal cannot name the deepest either.
  afterAll(() => {
    shell(`cd '${folder}'; for t in golden node; do find $t -depth -delete; done`);
    rmSync(folder, { recursive: true, force: true });
  });

  test("goes to the image and to the node: gigabytes of holes, owners of 32 bits, times of three centuries, paths of 4000 bytes", async () => {
    const captured = await capture();
    const updated = await update();

    expect([captured.warnings, updated.notes]).toEqual([[], []]);
    expect(captured.sentBytes).toBeLessThan(100_000);
    for (const copy of [store.treePath(image), node]) {
      expect(rsyncDifferences(`${golden}/etc`, `${copy}/etc`, ["IMAGE_LAST_SYNCED_TO"])).toEqual([]);
      // rsync would read all the zeros.
      expect(
        shell(`cd '${copy}/srv'; stat -c '%n %s %u %g %.9Y' *; for at in ${places}; do
        dd if=sparse bs=1 skip=$at count=14 status=none | tr -d '\\\\0'; done`),
      ).toBe(
        shell(`cd '${golden}/srv'; stat -c '%n %s %u %g %.9Y' *; for at in ${places}; do
        dd if=sparse bs=1 skip=$at count=14 status=none | tr -d '\\\\0'; done`),
      );
      expect(Number(shell(`stat -c %b '${copy}/srv/sparse'`))).toBeLessThan(100);
      expect(shell(`cd '${copy}'; find . -name 'fff*' -printf '%s %d'`)).toBe("4 20");
    }
    expect([...(await update()).plan.actions]).toEqual([]);
    expect((await capture()).changed).toBe(false);
  });

  test("is left out and said where a path is longer than tools can name, and stops neither", async () => {
    deep(golden, 24, 10);
    deep(node, 23, 5);

    const captured = await capture();
    const updated = await update();

    expect(captured.warnings).toHaveLength(4);
    expect(captured.warnings[0]).toMatch(
      /^\/d+… \(4019 bytes\) is longer than a path may be: it is left out$/,
    );
    expect(updated.notes).toEqual([
      expect.stringMatching(/is longer than a path may be: it is left alone$/),
      expect.anything(),
      expect.anything(),
      expect.stringMatching(/^\d more paths/),
    ]);
    expect(shell(`find '${node}' -name ffffff -printf x; find '${node}' -name fffff -printf y`)).toBe("y");
  });
});
