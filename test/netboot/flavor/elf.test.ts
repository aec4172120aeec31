import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readElf } from "../../../netboot/flavor/elf.ts";

describe("readElf()", () => {
  test("names the libraries of a real program: this one", () => {
    const elf = readElf(readFileSync(process.execPath));

    expect(elf?.needed).toEqual(expect.arrayContaining(["libc.so.6"]));
    expect(elf?.moduleInfo).toEqual([]);
  });

  test.each([
    ["a script", Buffer.from("#!/bin/sh\n")],
    ["nothing", Buffer.alloc(0)],
    ["a bare magic", Buffer.from("\x7fELF\x02\x01")],
    ["a 32-bit file", Buffer.concat([Buffer.from("\x7fELF\x01\x01"), Buffer.alloc(100)])],
  ])("is undefined for %s", (_, bytes) => {
    expect(readElf(bytes)).toBeUndefined();
  });

  test("never throws on any header", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 58, maxLength: 300 }), (noise) => {
        readElf(Buffer.concat([Buffer.from("\x7fELF\x02\x01"), noise]));
      }),
    );
  });
});
