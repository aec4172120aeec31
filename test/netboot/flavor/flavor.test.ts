import { describe, expect, test } from "vitest";
import {
  decodeFlavor,
  encodeFlavor,
  type FlavorDescription,
  parseFlavorName,
} from "../../../netboot/flavor/flavor.ts";

const flavor: FlavorDescription = {
  name: "standard",
  arch: "x86_64",
  kernelVersion: "6.1.0-56-amd64",
  sizes: { kernel: 8_247_232, initrd: 35_505_699, unpacked: 127_097_344 },
  sha256s: { kernel: "a".repeat(64), initrd: "b".repeat(64) },
  packages: [{ name: "dash", version: "0.5.12-2", sha256: "c".repeat(64) }],
  created: "2024-05-01T00:00:00.000Z",
};

test("decodeFlavor() reads what encodeFlavor() wrote", () => {
  expect(decodeFlavor(encodeFlavor(flavor))).toEqual({ ok: true, value: flavor });
});

test("decodeFlavor() reads those of ARM servers, with the loaders that came along", () => {
  const arm: FlavorDescription = { ...flavor, arch: "aarch64", loaders: ["grubnetaa64.efi.signed"] };

  expect(decodeFlavor(encodeFlavor(arm))).toEqual({ ok: true, value: arm });
});

test.each([
  ["a loader outside of its folder", encodeFlavor({ ...flavor, loaders: ["../kernel"] })],
  ["no JSON", "{"],
  ["null", "null"],
  ["a package without a version", encodeFlavor(flavor).replace('"version"', '"release"')],
  ["another architecture", encodeFlavor(flavor).replace("x86_64", "vax")],
])("decodeFlavor() refuses %s", (_, text) => {
  expect(decodeFlavor(text).ok).toBe(false);
});

describe("parseFlavorName()", () => {
  test.each(["standard", "kvm-6.1", "a"])("accepts %s", (name) => {
    expect(parseFlavorName(name).ok).toBe(true);
  });
  test.each(["", ".", "..", "a/b", ".hidden", "-o", "a b", "a".repeat(65)])("refuses %j", (name) => {
    expect(parseFlavorName(name).ok).toBe(false);
  });
});
