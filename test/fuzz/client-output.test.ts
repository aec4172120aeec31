import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromLatin1 } from "../../base/bytes.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { parseProbe } from "../../images/capture/golden-facts.ts";
import { AttributesParser } from "../../images/remote/attributes.ts";
import { parseBlockDigests } from "../../images/remote/block-digests.ts";
import { DigestParser } from "../../images/remote/digests.ts";
import { FlagsParser } from "../../images/sync/flags.ts";
import { ListingDecoder } from "../../images/sync/listing.ts";
import { StatListingDecoder } from "../../images/sync/stat-listing.ts";
import { parseTarMessages } from "../../images/sync/tar-messages.ts";
import { parseNodeState } from "../../images/update/node-state.ts";

// What programs on a client print: none of it may throw, and no path that is told may leave the tree.

const runs = { numRuns: 1000 };
const digest = "0123456789abcdef".repeat(4);
const word = "0123456789abcdef".repeat(2);
const names = fc.constantFrom(
  "a",
  "./a",
  "a/b",
  "../a",
  "/a",
  "a/../b",
  "a\\012b",
  "\\456\\456/a",
  "",
  ".",
  "\\",
  "a\nb",
  "\xff",
);
const any = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 30 }).map((bytes) => String.fromCharCode(...bytes)),
);
const cut = fc.nat(400);

/** Some of the lines that a program prints, with names and bytes of any kind in them. */
function output(...lines: readonly ((name: string) => string)[]): fc.Arbitrary<string> {
  const line = fc.tuple(fc.constantFrom(...lines), names).map(([make, name]) => make(name));
  return fc
    .array(fc.oneof({ weight: 4, arbitrary: line }, any), { maxLength: 8 })
    .map((parts) => parts.join(""));
}

function expectInside(paths: Iterable<string>): void {
  for (const path of paths) {
    const parts = path.split("/");
    expect([path, path.startsWith("/"), parts.includes(".."), path.includes("\0")]).toEqual([
      path,
      false,
      false,
      false,
    ]);
    expect([path, /^[\0-\xff]*$/.test(path)]).toEqual([path, true]);
  }
}

describe("what clients print", () => {
  it("as getfattr", () => {
    const text = output(
      (name) => `# file: ${name}\n`,
      () => "user.x=0x00ff\n",
      () => "user.y=0x0\n",
      () => "\n",
    );
    fc.assert(
      fc.property(text, cut, (printed, at) => {
        const pieces = new AttributesParser();
        const whole = new AttributesParser();
        pieces.write(printed.slice(0, at));
        pieces.write(printed.slice(at));
        whole.write(printed);
        const found = whole.end();
        expect([...pieces.end()]).toEqual([...found]);
        expectInside(found.keys());
      }),
      runs,
    );
  });

  it("as getfattr, without an end to a line or to it all, is given up", () => {
    const endless = new AttributesParser();
    let taken = 0;
    while (endless.write("x".repeat(65536))) {
      taken += 65536;
    }
    expect(taken).toBeLessThan(2 * 1024 * 1024);
  });

  it("as lsattr", () => {
    const text = output(
      (name) => `----i---- ${name}\n`,
      (name) => `-----a---e ./${name}\n`,
    );
    fc.assert(
      fc.property(text, cut, (printed, at) => {
        const asked = ["a", "a/b", ""] as RelPath[];
        const parser = new FlagsParser((path) => asked.includes(path));
        parser.write(printed.slice(0, at));
        parser.write(printed.slice(at));
        for (const [path, flags] of parser.end()) {
          expect(asked).toContain(path);
          expect(["a", "i", "ai"]).toContain(flags);
        }
      }),
      runs,
    );
  });

  it("as sha256sum, of files and of blocks", () => {
    const text = output(
      (name) => `${digest}  ${name}\n`,
      (name) => `\\${digest} *${name}\n`,
      () => `0 ${digest}\n1 ${digest}\n`,
      () => `2 ${digest}\n`,
      () => `1 ${digest}${digest}\n`,
    );
    fc.assert(
      fc.property(text, (printed) => {
        const paths: RelPath[] = [];
        const parser = new DigestParser((path) => paths.push(path));
        expect(parser.write(printed)).toBe(true);
        parser.end();
        expectInside(paths);
        for (const program of ["sha256sum", "b2sum"] as const) {
          const blocks = parseBlockDigests(printed.split("\n"), 3, program);
          expect(blocks?.length ?? 3).toBe(3);
        }
      }),
      runs,
    );
  });

  it("as tar, on standard error", () => {
    const text = output(
      (name) => `tar: ${name}: file changed as we read it\n`,
      (name) => `tar: ${name}: Cannot stat: No such file or directory\n`,
      (name) => `tar: can't open '${name}': No such file or directory\n`,
    );
    fc.assert(
      fc.property(text, (printed) => {
        const { torn, vanished } = parseTarMessages(printed);
        expectInside([...torn, ...vanished]);
      }),
      runs,
    );
  });

  it("as listings of find and of stat, however they are cut", () => {
    const facts = "f 81a4 1 2 5 8 1 1970-01-01 00:00:01 1 1970-01-01 00:00:01 9:7 1 0:0 ";
    const text = output(
      (name) => `f 644 0 0 5 8 1.5 1.5 1:2 1\0\0${name}\0`,
      (name) => `l 777 0 0 5 8 1 1 1:3 1\0to\0${name}\0`,
      (name) => `c 600 0 0 0 0 1 1 1:4 1\0\0${name}\0r 1 3\0\0./${name}\0`,
      (name) => `\n${word}${facts}${word}n./${name}${word}l'./${name}'`,
      () => `\n${word}e 0 0\n`,
    );
    fc.assert(
      fc.property(text, cut, fc.boolean(), (printed, at, stat) => {
        const decoder = stat ? new StatListingDecoder() : new ListingDecoder();
        const bytes = fromLatin1(stat ? `${word}${printed}` : printed);
        const first = decoder.write(bytes.subarray(0, at));
        const second = first.ok ? decoder.write(bytes.subarray(at)) : first;
        if (second.ok) {
          decoder.end();
          expectInside([...(first.ok ? first.value : []), ...second.value].map(({ entry }) => entry.path));
        }
      }),
      runs,
    );
  });

  it("as a listing that does not end is given up", () => {
    for (const decoder of [
      new StatListingDecoder({ maxRecordBytes: 1000 }),
      new ListingDecoder({ maxRecordBytes: 1000 }),
    ]) {
      decoder.write(fromLatin1(`${word}\n`));
      let taken = 0;
      while (decoder.write(fromLatin1("x".repeat(100))).ok) {
        taken += 100;
        expect(taken).toBeLessThan(2000);
      }
    }
  });

  it("as a report of itself", () => {
    const sections = [
      "uname",
      "mountinfo",
      "df",
      "sysfs",
      "lsblk",
      "blkid",
      "md",
      "vgs",
      "pvs",
      "lvs",
      "crypt",
      "exclude",
      "record",
      "record-time",
      "listing",
      "touch",
      "programs",
      "swaps",
      "os-release",
      "end",
    ];
    const section = fc
      .tuple(fc.constantFrom(...sections), any)
      .map(([name, text]) => `\n\x1e${name}\n${text}\n`);
    const lines = fc.constantFrom(
      "disk=sda\nsize=9\n",
      "36 35 8:1 / / rw - ext4 /dev/sda1 rw\n",
      '{"blockdevices":[{}]}',
      "web@1\n",
      "- [\n",
      "array=md0\nlevel=\n",
    );
    const text = fc
      .array(fc.oneof(section, lines), { maxLength: 12 })
      .map((parts) => `${parts.join("")}\n\x1eend\n`);
    fc.assert(
      fc.property(text, (printed) => {
        parseProbe(printed);
        parseNodeState(printed);
      }),
      runs,
    );
  });
});
