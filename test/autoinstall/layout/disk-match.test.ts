import { expect, test } from "vitest";
import { parseDiskMatch, parseDiskWord } from "../../../autoinstall/layout/disk-match.ts";

test.each([
  ["serial=S3Z9NB0K123", ["serial=S3Z9NB0K123"]],
  ["transport=nvme, rotational=no", ["transport=nvme", "rotational=no"]],
  ["size=400GiB-600GiB", ["minmib=409600", "maxmib=614400"]],
  ["size=1TiB-", ["minmib=1048576"]],
  [
    "path=pci-0000:00:1f.2-ata-1,wwn=0x5000c500a0b1c2d3",
    ["path=pci-0000:00:1f.2-ata-1", "wwn=0x5000c500a0b1c2d3"],
  ],
] as const)("parseDiskMatch('%s')", (text, conditions) => {
  expect(parseDiskMatch(text)).toEqual({ ok: true, value: { conditions } });
});

test.each([
  "",
  "colour=red",
  "serial=",
  "serial=$(reboot)",
  "size=400G",
  "size=-",
  "rotational=maybe",
  "path=../../sda",
  "serial=a b",
])("parseDiskMatch('%s') is refused", (text) => {
  expect(parseDiskMatch(text).ok).toBe(false);
});

test("parseDiskWord() takes a device node or conditions, and nothing with a blank or a quote", () => {
  expect(parseDiskWord("/dev/disk/by-id/ata-X_1")).toEqual({ ok: true, value: "/dev/disk/by-id/ata-X_1" });
  expect(parseDiskWord("size=10GiB-")).toEqual({ ok: true, value: "minmib=10240" });
  expect(parseDiskWord('/dev/sda"; reboot').ok).toBe(false);
  expect(parseDiskWord("/dev/../etc/passwd").ok).toBe(false);
});
