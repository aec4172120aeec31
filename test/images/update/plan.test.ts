import { describe, expect, test } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import type { FileEntry, ListedEntry } from "../../../images/entry.ts";
import type { ImageName, Manifest } from "../../../images/manifest.ts";
import { VersionTableBuilder } from "../../../images/store/version-table.ts";
import { EntryTableBuilder } from "../../../images/sync/entry-table.ts";
import { controlFiles } from "../../../images/update/control-files.ts";
import { NodeListing } from "../../../images/update/node-listing.ts";
import { planUpdate, type UpdatePlanInput } from "../../../images/update/plan.ts";

const mtime = { seconds: 100, nanoseconds: 0 };
const path = (text: string) => text as RelPath;

function directory(name: string): FileEntry {
  return { kind: "directory", path: path(name), mode: 0o755, uid: 0, gid: 0, mtime, extended: [] };
}

function file(name: string, size = 1): FileEntry {
  return { kind: "file", path: path(name), mode: 0o644, uid: 0, gid: 0, mtime, size, extended: [] };
}

function link(name: string, target: string): FileEntry {
  return { kind: "hardlink", path: path(name), mode: 0o644, uid: 0, gid: 0, mtime, target: path(target) };
}

function listed(entry: FileEntry, more: { device?: number; ctime?: number } = {}): ListedEntry {
  return {
    entry,
    inode: `${more.device ?? 1}:${entry.path.length}${entry.path}`,
    linkCount: 1,
    ctime: { seconds: more.ctime ?? 50, nanoseconds: 0 },
    allocated: 0,
  };
}

interface Sides extends Partial<Omit<UpdatePlanInput, "wanted" | "node">> {
  readonly entries?: readonly FileEntry[];
  readonly listed?: readonly ListedEntry[];
}

function plan({ entries = [], listed = [], ...input }: Sides) {
  const wanted = new VersionTableBuilder({} as Manifest, []);
  for (const entry of entries) {
    wanted.add({ entry, over: [] });
  }
  const builder = new EntryTableBuilder();
  const asked = new Set<number>();
  for (const [place, each] of listed.entries()) {
    builder.add(each);
    if (each.entry.extended !== undefined) {
      asked.add(place);
    }
  }
  const table = builder.finish();
  if (!table.ok) {
    throw new Error(table.error.message);
  }
  return planUpdate({
    image: "web" as ImageName,
    version: 2,
    wanted: wanted.finish(),
    node: new NodeListing(table.value, { asked }),
    rules: [],
    ...input,
  });
}

describe("planUpdate()", () => {
  test("makes again what an earlier update could not", () => {
    expect(plan({ bootStepsDue: ["initramfs", "nonsense"] }).bootSteps).toEqual(["initramfs"]);
  });

  test("is no update where nothing but the time of /tmp differs", () => {
    const scratch = { ...directory("tmp"), mode: 0o1777 };
    const touched = { ...scratch, mtime: { seconds: 900, nanoseconds: 0 } };

    const result = plan({
      entries: [directory(""), scratch],
      listed: [directory(""), touched].map((entry) => listed(entry)),
    });

    expect([...result.actions]).toEqual([]);
  });

  test("renames a directory away for a file, and plans no deletion behind the new name", () => {
    const result = plan({
      entries: [directory(""), { ...file("bin"), kind: "symlink", target: "usr/bin" } as FileEntry],
      listed: [directory(""), directory("bin"), file("bin/sh")].map((entry) => listed(entry)),
    });

    expect(result.replaced).toEqual(["bin"]);
    expect([...result.actions].map((action) => action.kind)).toEqual(["write"]);
  });

  test("brings a directory that comes for a link with all that is in it", () => {
    const result = plan({
      entries: [directory(""), directory("lib"), directory("lib/deep"), file("lib/deep/a")],
      listed: [directory(""), { ...file("lib"), kind: "symlink", target: "usr/lib" } as FileEntry].map(
        (entry) => listed(entry),
      ),
    });
    const { lists, files } = controlFiles(result, { bootloader: false });

    expect(result.replaced).toEqual(["lib"]);
    expect(result.staged).toEqual(["lib", "lib/deep"]);
    expect(words(lists, "replace.1")).toEqual([".", "./lib"]);
    expect(words(lists, "staged-directories")).toEqual([
      "./.ingot-staging/new/lib",
      "./.ingot-staging/new/lib/deep",
    ]);
    expect(words(lists, "directories")).toEqual([]);
    expect(files.get("own-tools")).toBe("./lib\n");
  });

  test("stages nothing on mounts whose content is left alone", () => {
    const result = plan({
      entries: [directory(""), directory("proc"), directory("boot")],
      listed: [
        listed(directory("")),
        listed(directory("boot"), { device: 2 }),
        listed(directory("proc"), { device: 3 }),
      ],
      rules: [{ text: "- /proc/***", origin: "mounted on the node" }],
    });

    expect(result.mounts).toEqual(["", "boot"]);
  });

  test("takes an initramfs that was made on the node after the image's own as the node's", () => {
    const own = { ...file("boot/initrd.img-6"), mtime: { seconds: 200, nanoseconds: 0 } };
    const input = {
      entries: [directory(""), directory("boot"), file("boot/initrd.img-6")],
      listed: [directory(""), directory("boot"), own].map((entry) => listed(entry)),
    };

    expect([...plan(input).actions]).toEqual([]);
    expect([...plan({ ...input, noBootloader: true }).actions]).toHaveLength(1);
  });

  test("leaves a directory that holds something excluded, and says so", () => {
    const result = plan({
      entries: [directory(""), file("data")],
      listed: [directory(""), directory("data"), file("data/precious")].map((entry) => listed(entry)),
      rules: [{ text: "- /data/precious", origin: "test" }],
    });

    expect([...result.actions]).toEqual([]);
    expect(result.notes).toEqual([expect.stringContaining("/data stays a directory")]);
  });

  test("sends a shared inode as a copy where its names lie on different filesystems of the node", () => {
    const result = plan({
      entries: [directory(""), file("a"), directory("usr"), link("usr/b", "a")],
      listed: [listed(directory("")), listed(directory("usr"), { device: 2 })],
    });

    expect(result.mounts).toEqual(["", "usr"]);
    expect([...result.copies]).toEqual([["usr/b", "a"]]);
    const { members, copies } = controlFiles(result, { bootloader: true });
    expect([...members]).toEqual(["a"]);
    expect(copies).toMatchObject([{ path: "usr/b" }]);
  });

  test.each<[string, Sides, number]>([
    ["was never updated and has attributes", { entries: [{ ...file("a"), extended: [["k", "v"]] }] }, 1],
    ["was never updated and has none", { entries: [file("a")] }, 0],
    [
      "changed on the node since its update",
      { entries: [file("a")], syncedAt: { seconds: 49, nanoseconds: 5 } },
      1,
    ],
    ["did not change since", { entries: [file("a")], syncedAt: { seconds: 50, nanoseconds: 0 } }, 0],
    [
      "has other attributes than before",
      { entries: [file("a")], syncedAt: { seconds: 50, nanoseconds: 0 }, changedBefore: () => true },
      1,
    ],
  ])("sends a file that looks right again only if it %s", (_, input, writes) => {
    const result = plan({ ...input, listed: [listed({ ...file("a"), extended: undefined } as never)] });

    expect(result.summary.write).toBe(writes);
  });

  test.each<[string, readonly string[]]>([
    ["boot/vmlinuz-6", ["initramfs", "boot-loader"]],
    ["lib/modules/6/x.ko", ["initramfs"]],
    ["etc/default/grub", ["boot-loader"]],
    ["usr/bin/ls", []],
  ])("knows what %s makes necessary", (name, steps) => {
    expect(plan({ entries: [file(name)] }).bootSteps).toEqual(steps);
  });

  test("works inside one directory when told to", () => {
    const result = plan({
      entries: [directory(""), file("a"), directory("opt"), file("opt/b")],
      listed: [listed(directory("")), listed(directory("opt")), listed(file("c"))],
      directory: path("opt"),
    });

    expect([...result.actions]).toMatchObject([{ kind: "write", entry: { path: "opt/b" } }]);
  });
});

function words(lists: ReadonlyMap<string, Iterable<string>>, name: string): readonly string[] {
  return [...(lists.get(name) ?? [])];
}

describe("controlFiles()", () => {
  test("renames files before symbolic links, and leaves directories with a C library to be gone through one by one", () => {
    const symlink = (name: string): FileEntry =>
      ({ ...file(name), kind: "symlink", target: "x" }) as FileEntry;
    const result = plan({
      entries: [
        ...[directory(""), directory("a"), symlink("a/1"), file("a/2"), directory("lib"), file("lib/a.so")],
        ...[directory("lib/x"), file("lib/x/b.so"), file("lib/x/libc.so.6"), file("z")],
      ],
      listed: [listed(directory("")), listed(directory("lib"))],
    });

    const { lists } = controlFiles(result, { bootloader: true });

    const pairs = (...names: string[]) =>
      names.flatMap((name) => [`./.ingot-staging/new/${name}`, `./${name}`]);
    expect(words(lists, "renames.2")).toEqual(pairs("a/2", "z", "a/1"));
    expect(words(lists, "renames.1")).toEqual(pairs("lib/a.so"));
    expect(words(lists, "ordered.1")).toEqual(["./lib/x"]);
    expect(words(lists, "move.1")).toEqual(["./lib", "./lib/x"]);
    expect(words(lists, "touched-directories")).toEqual([".", "./lib"]);
  });

  test("writes lists of NUL-ended paths that no program takes for options", () => {
    const result = plan({
      entries: [directory(""), file("-rf"), file("a\nb"), link("c", "a\nb")],
      listed: [listed(directory(""))],
    });

    const { lists, files, members } = controlFiles(result, { bootloader: true });

    expect([...members]).toEqual(["-rf", "a\nb"]);
    expect(words(lists, "links")).toEqual(["./.ingot-staging/new/a\nb", "./.ingot-staging/new/c"]);
    expect(words(lists, "move.2")).toEqual(["."]);
    expect(words(lists, "mounts")).toEqual([".", "1"]);
    expect(files.get("record")).toBe("web@2\n");
  });

  test.each([
    [{ seconds: 5, nanoseconds: 7 }, "@5.000000007"],
    [{ seconds: -2, nanoseconds: 500_000_000 }, "@-1.500000000"],
    [{ seconds: -1, nanoseconds: 250_000_000 }, "@-0.750000000"],
    [{ seconds: -3, nanoseconds: 0 }, "@-3.000000000"],
  ])("writes the time %j as touch reads it", (time, text) => {
    const result = plan({
      entries: [{ ...file("a"), mtime: time, mode: 0o600 }],
      listed: [listed({ ...file("a"), mtime: time })],
    });

    expect(words(controlFiles(result, { bootloader: true }).lists, "times")).toEqual([text, "./a"]);
  });

  test("sets a time that many have by one command", () => {
    const old = { seconds: 5, nanoseconds: 7 };
    const paths = ["a", "b", "c"];
    const result = plan({
      entries: paths.map((path) => ({
        ...file(path),
        mtime: path === "b" ? { ...old, seconds: 6 } : old,
        mode: 0o600,
      })),
      listed: paths.map((path) =>
        listed({ ...file(path), mtime: path === "b" ? { ...old, seconds: 6 } : old }),
      ),
    });

    const { lists } = controlFiles(result, { bootloader: true });

    expect(words(lists, "time.@5.000000007")).toEqual(["./a", "./c"]);
    expect(words(lists, "times")).toEqual(["@6.000000007", "./b"]);
  });
});
