import { describe, expect, it } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import { isKernelFile, kernelVersionOf } from "../../../netboot/flavor/kernel-files.ts";
import { compareKernels, newestKernel } from "../../../netboot/flavor/kernel-version.ts";

describe("newestKernel()", () => {
  it.each([
    [["6.1.0-9-amd64", "6.1.0-28-amd64", "6.1.0-10-amd64"], "6.1.0-28-amd64"],
    [["6.9.3", "6.10.1"], "6.10.1"],
    [["5.14.0-427.el9.x86_64", "0-rescue-4f1d", "5.14.0-70.13.1.el9_0.x86_64"], "5.14.0-427.el9.x86_64"],
    [[], undefined],
  ])("of %j is %s", (versions, newest) => {
    expect(newestKernel(versions)).toBe(newest);
  });

  it("is an order", () => {
    expect(compareKernels("6.1.0-28-amd64", "6.1.0-28-amd64")).toBe(0);
    expect(compareKernels("6.1", "6.1.1")).toBeLessThan(0);
    expect(compareKernels("6.1.1", "6.1")).toBeGreaterThan(0);
  });
});

describe("files of an installed system's kernel", () => {
  it.each([
    ["boot/vmlinuz-6.1.0-28-amd64", "6.1.0-28-amd64"],
    ["boot/Image-6.4.0-default", "6.4.0-default"],
    ["lib/modules/6.8.5-301.fc40.x86_64/vmlinuz", "6.8.5-301.fc40.x86_64"],
    ["boot/initrd.img-6.1.0", undefined],
    ["lib/modules/6.1.0/kernel/vmlinuz", undefined],
  ])("%s is the kernel of %s", (path, version) => {
    expect(kernelVersionOf(path as RelPath)).toBe(version);
  });

  it.each([
    ["boot/vmlinuz-6.1.0", true],
    ["boot/config-6.1.0", true],
    ["boot/vmlinuz-6.1.1", false],
    ["lib/modules/6.1.0/kernel/drivers/nvme/host/nvme.ko.xz", true],
    ["usr/lib/modules/6.1.0/modules.builtin", true],
    ["usr/lib/modules/6.1.0/kernel/drivers/gpu/drm/drm.ko", false],
    ["usr/lib/modules/6.1.1/kernel/fs/ext4/ext4.ko", false],
    ["usr/bin/true", false],
  ])("%s is taken for 6.1.0: %s", (path, taken) => {
    expect(isKernelFile(path as RelPath, "6.1.0")).toBe(taken);
  });
});
