import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import type { FileEntry, ListedEntry } from "../../../images/entry.ts";
import type { EntryTable } from "../../../images/sync/entry-table.ts";
import { EntryTableBuilder } from "../../../images/sync/entry-table.ts";
import { makeSelection } from "../../../images/sync/exclude.ts";
import { normaliseListing } from "../../../images/sync/listing.ts";
import { planSync } from "../../../images/sync/plan.ts";
import { planTables } from "../../../images/sync/plan-tables.ts";

const time = fc.record({
  seconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  nanoseconds: fc.nat(999_999_999),
});
const word = fc.nat(0xffffffff);
const name = fc
  .array(fc.constantFrom("a", "b", "-", ".", "0", "\xff", "/".replace("/", "\x01")), {
    minLength: 1,
    maxLength: 3,
  })
  .map((letters) => letters.join(""))
  .filter((text) => text !== "." && text !== "..");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/") as RelPath);

function listed(kind: FileEntry["kind"], random: { path: RelPath; [key: string]: unknown }): ListedEntry {
  const { path, mode, uid, gid, mtime, size, target, major, minor, ...rest } = random;
  const more =
    kind === "file"
      ? { size }
      : kind === "symlink"
        ? { target }
        : kind === "char-device" || kind === "block-device"
          ? { major, minor }
          : {};
  return { entry: { kind, path, mode, uid, gid, mtime, ...more }, ...rest } as unknown as ListedEntry;
}

const facts = fc.record({
  path,
  mode: fc.nat(0o7777),
  uid: word,
  gid: word,
  mtime: time,
  size: fc.maxSafeNat(),
  target: fc.constantFrom("x", "../y", "z".repeat(5000)),
  major: word,
  minor: word,
  inode: fc.oneof(
    fc.constantFrom("1:5", "1:6", "2:5", "77:007", "1:18446744073709551615"),
    fc.maxSafeNat().map((n) => `9:${n}`),
  ),
  linkCount: fc.constantFrom(1, 2, 3),
  ctime: time,
  allocated: fc.maxSafeNat(),
});
const kind = fc.constantFrom<FileEntry["kind"]>("file", "symlink", "char-device", "fifo", "directory");

/** A list whose parents are directories. */
const listing = fc
  .array(fc.tuple(kind, facts), { maxLength: 25 })
  .map((pairs) => {
    const byPath = new Map(pairs.map(([kind, random]) => [random.path, listed(kind, random)]));
    for (const [, random] of pairs) {
      const parts = random.path.split("/");
      for (let i = 1; i < parts.length; i++) {
        const parent = parts.slice(0, i).join("/") as RelPath;
        byPath.set(parent, listed("directory", { ...random, path: parent }));
      }
      byPath.set("" as RelPath, listed("directory", { ...random, path: "" as RelPath }));
    }
    return [...byPath.values()];
  })
  .chain((list) => fc.shuffledSubarray(list, { minLength: list.length }));

function tableOf(list: readonly ListedEntry[]): ReturnType<EntryTableBuilder["finish"]> {
  const builder = new EntryTableBuilder();
  for (const entry of list) {
    builder.add(entry);
  }
  return builder.finish();
}

function goodTable(list: readonly ListedEntry[]): EntryTable {
  const table = tableOf(list);
  if (!table.ok) {
    throw new Error(table.error.message);
  }
  return table.value;
}

describe("EntryTable", () => {
  it("holds what a sorted list of objects holds, in the same order, with the same links", () => {
    fc.assert(
      fc.property(listing, (list) => {
        const wanted = normaliseListing(list);
        const table = goodTable(list);

        expect([...table]).toEqual(wanted.ok ? wanted.value : []);
        expect([...table.entries()]).toEqual([...table].map(({ entry }) => entry));
        for (const [index, { entry }] of [...table].entries()) {
          expect(table.indexOf(entry.path)).toBe(index);
        }
        expect(table.find("no/such" as RelPath)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it("refuses what a list of objects refuses", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(kind, facts), { maxLength: 8 }), (pairs) => {
        const list = pairs.map(([kind, random]) => listed(kind, random));

        expect(tableOf(list).ok).toBe(normaliseListing(list).ok);
      }),
      { numRuns: 300 },
    );
  });

  it("does not run on where every directory is listed twice, deep down", () => {
    const list: ListedEntry[] = [];
    const noTime = { seconds: 0, nanoseconds: 0 };
    for (let depth = 1; depth < 200; depth++) {
      const path = Array.from({ length: depth }, () => "d").join("/") as RelPath;
      const twice = { path, mode: 0, uid: 0, gid: 0, mtime: noTime, ctime: noTime, inode: "1:1" };
      list.push(listed("directory", twice), listed("directory", twice));
    }

    expect(tableOf(list)).toMatchObject({ ok: false, error: { message: "listed twice" } });
  });
});

/** Some hide or protect on one side only. */
const rules = fc.array(
  fc
    .constantFrom(
      "- a",
      "+ /a",
      "- b/",
      "- /a/*",
      "+ -",
      "- *",
      "H b",
      "P a",
      "R -",
      "-s 0",
      "-p a",
      "-! a/**",
    )
    .map((text) => ({ text, origin: "test" })),
  { maxLength: 3 },
);

describe("planTables()", () => {
  it("plans what planSync() plans on lists", () => {
    fc.assert(
      fc.property(listing, listing, fc.integer({ min: 2, max: 9 }), rules, (from, to, divisor, rules) => {
        const selection = makeSelection(rules);
        // Half of the target is the source, so that there is something to keep.
        const kept = from.filter((_, index) => index % 2 === 0);
        const paths = new Set(from.map(({ entry }) => entry.path));
        const target = normaliseListing([...kept, ...to.filter(({ entry }) => !paths.has(entry.path))]);
        const source = normaliseListing(from);
        fc.pre(source.ok && target.ok);
        const recheck = (a: ListedEntry, b: ListedEntry) => (a.ctime.seconds + b.allocated) % divisor === 0;
        const listOf = (result: typeof source) => (result.ok ? result.value : []);
        const byPath = new Map(listOf(source).map((one) => [one.entry.path, one]));
        const standing = new Map(listOf(target).map((one) => [one.entry.path, one]));

        const [ours, theirs] = [
          goodTable(listOf(source).map(original(from))),
          goodTable(listOf(target).map(original([...to, ...from]))),
        ];
        const planned = planTables({
          source: { table: ours },
          target: { table: theirs },
          selection,
          options: { deleteExtraneous: true, recheck: (a, b) => recheck(ours.at(a), theirs.at(b)) },
        });

        const wanted = [
          ...planSync({
            source: listOf(source).map(({ entry }) => entry),
            target: listOf(target).map(({ entry }) => entry),
            selection,
            options: {
              deleteExtraneous: true,
              recheck: (a, b) => recheck(byPath.get(a.path)!, standing.get(b.path)!),
            },
          }),
        ];
        expect([...planned].map(inOrder)).toEqual(wanted.map(inOrder));
        expect(planned.length).toBe(wanted.length);
      }),
      { numRuns: 300 },
    );
  });
});

/** The entry before its links were resolved. */
function original(list: readonly ListedEntry[]) {
  const byPath = new Map(list.map((one) => [one.entry.path, one]));
  return (one: ListedEntry) => byPath.get(one.entry.path) ?? one;
}

function inOrder(action: object): object {
  return "changes" in action
    ? { ...action, changes: [...(action.changes as string[])].sort((a, b) => (a < b ? -1 : 1)) }
    : action;
}
