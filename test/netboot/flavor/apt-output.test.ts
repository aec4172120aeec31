import { describe, expect, test } from "vitest";
import {
  kernelPackage,
  type PackageRecord,
  packageFileName,
  parseRecords,
  parseSimulation,
} from "../../../netboot/flavor/apt-output.ts";

// Output of `apt-get install --simulate` and `apt-cache show` on Debian 12, shortened.
const simulation = `Reading package lists...
Building dependency tree...
The following NEW packages will be installed:
  gcc-12-base libc6
Inst gcc-12-base (12.2.0-14+deb12u1 Debian:12.15/oldstable [amd64])
Inst libc6 (2.36-9+deb12u14 Debian:12.15/oldstable [amd64]) []
Inst attr [1:2.5.0-1] (1:2.5.1-4 Debian:12.15/oldstable [amd64])
Conf gcc-12-base (12.2.0-14+deb12u1 Debian:12.15/oldstable [amd64])
`;
const sha256 = "45457bcfc86c87585800b5656bdf2773b063a3bb95486b0e820d51e870491f8d";
const kernel = `Package: linux-image-amd64
Source: linux-signed-amd64 (6.1.192+2)
Version: 6.1.192-2
Architecture: amd64
Depends: linux-image-6.1.0-56-amd64 (= 6.1.192-2)
Description: Linux for 64-bit PCs (meta-package)
 This package depends on the latest Linux kernel.
Section: kernel
Size: 1480
SHA256: ${sha256}
`;
const record: PackageRecord = {
  name: "linux-image-amd64",
  version: "6.1.192-2",
  architecture: "amd64",
  section: "kernel",
  size: 1480,
  sha256,
  depends: "linux-image-6.1.0-56-amd64 (= 6.1.192-2)",
};

test("parseSimulation() lists what would be installed, with versions", () => {
  expect(parseSimulation(simulation)).toEqual([
    "gcc-12-base=12.2.0-14+deb12u1",
    "libc6=2.36-9+deb12u14",
    "attr=1:2.5.1-4",
  ]);
});

describe("parseRecords()", () => {
  test("reads each package once", () => {
    expect(parseRecords(`${kernel}\n${kernel}\n`)).toEqual({ ok: true, value: [record] });
  });

  test.each([
    ["an option as a name", "Package: linux-image-amd64", "Package: -o"],
    ["a path as a version", "Version: 6.1.192-2", "Version: ../1"],
    ["no digest", `SHA256: ${sha256}`, "MD5sum: 0"],
    ["no size", "Size: 1480", "Size: many"],
  ])("refuses %s", (_, from, to) => {
    expect(parseRecords(kernel.replace(from, to)).ok).toBe(false);
  });
});

test("kernelPackage() follows the metapackage", () => {
  expect(kernelPackage(record)).toEqual({ ok: true, value: "linux-image-6.1.0-56-amd64=6.1.192-2" });
  expect(kernelPackage({ ...record, depends: "libc6" }).ok).toBe(false);
});

test("packageFileName() escapes an epoch as apt does", () => {
  expect(packageFileName({ ...record, name: "attr", version: "1:2.5.1-4" })).toBe(
    "attr_1%3a2.5.1-4_amd64.deb",
  );
});
