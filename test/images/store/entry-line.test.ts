import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import type { FileEntry } from "../../../images/entry.ts";
import { EntryLineDecoder, EntryLineEncoder, type StoredEntry } from "../../../images/store/entry-line.ts";

const byteString = (unit: { min: number }) =>
  fc
    .array(fc.integer({ min: unit.min, max: 255 }), { maxLength: 40 })
    .map((bytes) => String.fromCharCode(...bytes));
const name = byteString({ min: 1 }).map((text) => text as RelPath);
const id = fc.integer({ min: 0, max: 4_294_967_295 });
const metadata = {
  path: name,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: id,
  gid: id,
  mtime: fc.record({
    seconds: fc.integer({ min: -1e11, max: 1e11 }),
    nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
  }),
};
const extended = fc.option(
  fc.array(fc.tuple(byteString({ min: 0 }), byteString({ min: 0 })), { maxLength: 4 }),
  {
    nil: undefined,
  },
);
const number = fc.integer({ min: 0, max: 1_000_000 });
const specific = fc.oneof(
  fc.record({ kind: fc.constant("file"), size: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }) }),
  fc.record({ kind: fc.constantFrom("directory", "fifo", "socket") }),
  fc.record({ kind: fc.constantFrom("symlink", "hardlink"), target: name }),
  fc.record({ kind: fc.constantFrom("char-device", "block-device"), major: number, minor: number }),
);
const member = fc.record({ pack: fc.integer({ min: 0, max: 20 }), member: number });
const stored = fc
  .record({
    metadata: fc.record(metadata),
    specific,
    extended,
    place: fc.option(
      fc.record({ pack: fc.integer({ min: 0, max: 20 }), member: number, whole: fc.boolean() }),
      {
        nil: undefined,
      },
    ),
    over: fc.array(member, { maxLength: 3 }),
  })
  .map((parts): StoredEntry => {
    const entry = {
      ...parts.metadata,
      ...parts.specific,
      ...(parts.extended === undefined ? {} : { extended: parts.extended }),
    } as unknown as FileEntry;
    return { entry, over: parts.over, ...(parts.place === undefined ? {} : { place: parts.place }) };
  });

function line(text: string): ReturnType<EntryLineDecoder["decode"]> {
  return new EntryLineDecoder().decode(text);
}

describe("EntryLineDecoder", () => {
  it("reads back any entries that EntryLineEncoder wrote, each on one line", () => {
    fc.assert(
      fc.property(fc.array(stored, { maxLength: 8 }), (entries) => {
        const encoder = new EntryLineEncoder();
        const decoder = new EntryLineDecoder();

        const lines = entries.map((entry) => encoder.encode(entry));
        const decoded = lines.map((text) => decoder.decode(text.slice(0, -1)));

        expect(lines.every((text) => text.indexOf("\n") === text.length - 1)).toBe(true);
        expect(decoded).toEqual(entries.map((value) => ({ ok: true, value })));
      }),
    );
  });

  it("never throws, whatever the line", () => {
    fc.assert(
      fc.property(byteString({ min: 0 }), fc.array(byteString({ min: 0 })), (first, rest) => {
        expect(() => line([first, ...rest].join("\t"))).not.toThrow();
      }),
    );
  });

  it.each([
    ["too few fields", "f\tname\t644"],
    ["an unknown kind", "x\tname\t644\t0\t0\t0\t\t-\t\t"],
    ["a mode that is not octal", "d\tname\t999\t0\t0\t0\t\t-\t\t"],
    ["a negative owner", "d\tname\t755\t-1\t0\t0\t\t-\t\t"],
    ["a time of another form", "d\tname\t755\t0\t0\t1.5\t\t-\t\t"],
    ["a file without a size", "f\tname\t644\t0\t0\t0\t\t-\t\t"],
    ["a directory with a value", "d\tname\t755\t0\t0\t0\tx\t-\t\t"],
    ["a place before the first member", "d\tname\t755\t0\t0\t0\t\t=0+-5\t\t"],
  ])("refuses %s", (_, text) => {
    expect(line(text).ok).toBe(false);
  });
});

describe("EntryLineEncoder", () => {
  it("writes members that follow each other as the same step", () => {
    const encoder = new EntryLineEncoder();
    const entry = {
      kind: "directory",
      path: "a",
      mode: 0o755,
      uid: 0,
      gid: 0,
      mtime: { seconds: 1, nanoseconds: 0 },
    };

    const lines = [0, 1, 2].map((at) =>
      encoder.encode({
        entry: { ...entry, extended: [] } as unknown as FileEntry,
        over: [],
        place: { pack: 0, member: at, whole: true },
      }),
    );

    expect(new Set(lines)).toEqual(new Set(["d\ta\t755\t0\t0\t1\t\t=0+1\t\t\n"]));
  });
});
