import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatVersion,
  imageNameLimit,
  type Manifest,
  manifestSchema,
  parseImageName,
  parseManifest,
  parseVersionRef,
} from "../../images/manifest.ts";

describe("parseImageName()", () => {
  it.each(["web", "web-01", "a.b_c", "_x", "0", "x".repeat(imageNameLimit)])("accepts '%s'", (text) => {
    expect(parseImageName(text)).toEqual({ ok: true, value: text });
  });

  it.each([
    ["", "an image name is empty"],
    [".hidden", "image name '.hidden' starts with '.'"],
    ["-x", "image name '-x' starts with '-'"],
    ["..", "image name '..' starts with '.'"],
    ["a/b", "image name 'a/b' holds '/' (letters, digits, '.', '_' and '-' are allowed)"],
    ["a b", "image name 'a b' holds ' ' (letters, digits, '.', '_' and '-' are allowed)"],
    ["a@1", "image name 'a@1' holds '@' (letters, digits, '.', '_' and '-' are allowed)"],
    ["müll", "image name 'müll' holds 'ü' (letters, digits, '.', '_' and '-' are allowed)"],
    ["a\0", "image name 'a\0' holds '\0' (letters, digits, '.', '_' and '-' are allowed)"],
    ["x".repeat(imageNameLimit + 1), `image name '${"x".repeat(32)}…' is longer than 128 characters`],
  ])("refuses %j and says why", (text, error) => {
    expect(parseImageName(text)).toEqual({ ok: false, error });
  });
});

describe("parseVersionRef()", () => {
  it.each([
    ["web", { image: "web" }],
    ["web@3", { image: "web", number: 3 }],
    ["web@stable", { image: "web", tag: "stable" }],
  ])("reads %s", (text, value) => {
    expect(parseVersionRef(text)).toEqual({ ok: true, value });
  });

  it.each(["", "@3", "web@", "web@0", "web@03", "web@-1", "web@1@2", "web@3x", "a/b@1", "web@9999999999"])(
    "refuses '%s'",
    (text) => {
      expect(parseVersionRef(text).ok).toBe(false);
    },
  );

  it("reads what formatVersion() writes", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z0-9_][a-z0-9._-]{0,20}$/),
        fc.integer({ min: 1, max: 1e8 }),
        (name, number) => {
          const parsed = parseVersionRef(`${name}@${number}`);

          expect(parsed.ok && formatVersion(parsed.value)).toBe(`${name}@${number}`);
        },
      ),
    );
  });
});

describe("parseManifest()", () => {
  const name = parseImageName("web");
  const manifest: Manifest = {
    schema: manifestSchema,
    image: name.ok ? name.value : (undefined as never),
    number: 2,
    created: 1_700_000_000_000,
    message: "line one\nline two — ümlaut",
    source: { host: "golden", os: "Debian", kernel: "6.1" },
    parent: { image: name.ok ? name.value : (undefined as never), number: 1 },
    totals: { entries: 3, files: 1, bytes: 10, stored: 99 },
    packs: ["ab".repeat(32)],
  };

  it("reads a description as it was written", () => {
    expect(parseManifest(JSON.stringify(manifest))).toEqual({ ok: true, value: manifest });
  });

  it.each([
    ["no JSON", "{"],
    ["another schema", JSON.stringify({ ...manifest, schema: 2 })],
    ["a name that leaves the folder", JSON.stringify({ ...manifest, image: "../x" })],
    ["a pack that is no digest", JSON.stringify({ ...manifest, packs: ["../../etc/passwd"] })],
    ["a missing field", JSON.stringify({ ...manifest, totals: undefined })],
  ])("refuses %s", (_, text) => {
    expect(parseManifest(text).ok).toBe(false);
  });
});
