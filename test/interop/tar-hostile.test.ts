import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { concatBytes, fromLatin1 } from "../../base/bytes.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../../images/entry.ts";
import type { SyncAction } from "../../images/sync/actions.ts";
import { encodeMember, endOfArchive, memberPadding } from "../../images/tar/encode.ts";
import { applyToTree } from "../../images/tree/apply.ts";

let base: string;
let root: string;

beforeEach(() => {
  base = mkdtempSync("/var/tmp/ingot-hostile-");
  root = join(base, "tree");
  mkdirSync(join(base, "outside"));
  mkdirSync(root);
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

const metadata = { mode: 0o644, uid: 0, gid: 0, mtime: { seconds: 1, nanoseconds: 0 } };

function file(path: string, size: number): FileEntry {
  return { kind: "file", path: path as RelPath, ...metadata, size };
}

function link(path: string, target: string): FileEntry {
  return { kind: "symlink", path: path as RelPath, ...metadata, mode: 0o777, target };
}

function write(entry: FileEntry): SyncAction {
  return { kind: "write", entry, changes: ["missing"] };
}

function archive(...members: readonly [FileEntry, string][]): Uint8Array {
  return concatBytes([
    ...members.flatMap(([entry, content]) => [
      encodeMember(entry),
      fromLatin1(content),
      memberPadding(content.length),
    ]),
    endOfArchive,
  ]);
}

async function apply(actions: readonly SyncAction[], tar: Uint8Array) {
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield tar;
  }
  return await applyToTree({ root, actions, tar: stream(), durable: false });
}

describe("applyToTree() with a hostile sender", () => {
  for (const [state, prepare] of [
    ["an empty tree", () => undefined],
    ["a full tree", () => writeFileSync(join(root, "old"), "old")],
  ] as const) {
    it(`writes nothing through a symlink that was sent before, into ${state}`, async () => {
      prepare();
      const out = link("out", "../outside");
      const evil = file("out/evil", 4);

      const folder: FileEntry = { kind: "directory", path: "out/folder" as RelPath, ...metadata };

      await apply(
        [write(out), write(evil), write(folder)],
        archive([out, ""], [evil, "evil"], [folder, ""]),
      ).catch(() => undefined);
      const over: SyncAction = {
        kind: "metadata",
        entry: { ...folder, path: "out" as RelPath },
        changes: ["mode"],
      };
      await apply([over], archive()).catch(() => undefined);

      expect(readdirSync(join(base, "outside"))).toEqual([]);
      expect(lstatSync(join(base, "outside")).mode & 0o777).toBe(0o755);
    });

    it(`refuses a member that was not asked for, into ${state}`, async () => {
      prepare();
      const evil = file("etc/passwd", 4);

      await expect(apply([write(file("a", 1))], archive([evil, "evil"]))).rejects.toThrow(
        /etc\/passwd.*not asked for/,
      );

      expect(existsSync(join(root, "etc"))).toBe(false);
    });

    it(`takes a file of another size or kind as torn, into ${state}`, async () => {
      prepare();
      const result = await apply(
        [write(file("a", 1)), write(file("b", 1))],
        archive([file("a", 4), "evil"], [link("b", "/etc/passwd"), ""]),
      );

      expect(result.torn).toEqual(["a", "b"]);
      expect(readdirSync(root).filter((name) => name !== "old")).toEqual([]);
    });

    it(`leaves nothing of an archive that is cut, but what is whole, into ${state}`, async () => {
      prepare();
      const bytes = archive([file("a", 1), "x"], [file("b", 3000), "y".repeat(3000)]);

      await expect(
        apply([write(file("a", 1)), write(file("b", 3000))], bytes.subarray(0, 2500)),
      ).rejects.toThrow(/ends in the middle/);

      expect(existsSync(join(root, ".ingot-staging"))).toBe(false);
      if (state === "a full tree") {
        expect(readdirSync(root)).toEqual(["old"]);
      }
    });
  }

  it("does not leave the tree where a symlink stands in a path's way", async () => {
    symlinkSync("../outside", join(root, "etc"));
    writeFileSync(join(base, "outside", "kept"), "kept");

    await apply([{ kind: "delete", path: "etc/kept" as RelPath, directory: false }], archive()).catch(
      () => undefined,
    );
    const result = await apply([write(file("etc/evil", 4))], archive([file("etc/evil", 4), "evil"]));

    expect(result.vanished).toEqual(["etc/evil"]);
    expect(readFileSync(join(base, "outside", "kept"), "latin1")).toBe("kept");
    expect(existsSync(join(base, "outside", "evil"))).toBe(false);
  });

  it("clears the staging that a killed run left, and takes no name for it", async () => {
    mkdirSync(join(root, ".ingot-staging/0"), { recursive: true });
    writeFileSync(join(root, ".ingot-staging/0/0"), "debris");
    writeFileSync(join(root, "old"), "old");

    await apply([write(file("new", 3))], archive([file("new", 3), "new"]));

    expect(readdirSync(root)).toEqual(["new", "old"]);
    expect(lstatSync(join(root, "new")).mtimeMs).toBe(1000);
  });

  it("says that the disk is full, and changes nothing", async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", root]);
    try {
      writeFileSync(join(root, "old"), "old");
      const big = file("old", 300_000);

      await expect(apply([write(big)], archive([big, "x".repeat(300_000)]))).rejects.toMatchObject({
        code: "no-space",
      });

      expect(readFileSync(join(root, "old"), "latin1")).toBe("old");
      expect(readdirSync(root)).toEqual(["old"]);
    } finally {
      execFileSync("umount", [root]);
    }
  });
});
