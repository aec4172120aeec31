import { describe, expect, it } from "vitest";
import { normaliseName } from "../../../netboot/tftp/file-name.ts";

describe("normaliseName()", () => {
  it.each([
    ["undionly.kpxe", "undionly.kpxe"],
    ["/undionly.kpxe", "undionly.kpxe"],
    ["//boot//x", "boot/x"],
    ["boot\\x64\\wdsnbp.com", "boot/x64/wdsnbp.com"],
    ["__proto__", "__proto__"],
  ])("makes %s into %s", (name, normal) => {
    expect(normaliseName(name)).toEqual({ ok: true, value: normal });
  });

  it.each([
    "",
    "/",
    "..",
    "../etc/passwd",
    "a/../../b",
    "a/./b",
    "a/",
    "\\..\\x",
    "a\nb",
    "\xff",
    "a".repeat(256),
  ])("refuses %j", (name) => {
    expect(normaliseName(name).ok).toBe(false);
  });
});
