import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseHardware } from "../../../server/discovery/hardware.ts";
import { hardwareReport } from "./hardware-report.ts";

describe("parseHardware()", () => {
  it("reads a report: memory in bytes, and of block devices the disks that hold something", () => {
    const hardware = parseHardware(hardwareReport());

    expect(hardware.ok && hardware.value).toMatchObject({
      memory: 483_000 * 1024,
      secureBoot: true,
      disks: [{ name: "vda", size: 4_294_967_296, rotational: true, transport: "virtio", serial: "disk-1" }],
    });
  });

  it("takes a maker's filler for nothing, and drives no terminal", () => {
    const hardware = parseHardware(
      hardwareReport({ serial: "To Be Filled By O.E.M.", product: "Power\u001b[2JEdge\n" }),
    );

    expect(hardware.ok && [hardware.value.serial, hardware.value.product]).toEqual(["", "Power [2JEdge"]);
  });

  const wrong: Record<string, string> = {
    "what is no JSON": "{",
    "text without an end": hardwareReport({ vendor: "x".repeat(300) }),
    "a list of cards that is none": hardwareReport({ nics: 7 }),
    "memory below nothing": hardwareReport({ memory: -1 }),
    "a MAC that is none": hardwareReport({
      nics: [{ name: "e", mac: "x", driver: "", speed: 0, link: true }],
    }),
  };
  it.each(Object.entries(wrong))("refuses %s", (_name, text) => {
    expect(parseHardware(text).ok).toBe(false);
  });

  it("throws at nothing", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(typeof parseHardware(text).ok).toBe("boolean");
      }),
    );
  });
});
