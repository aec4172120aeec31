import { describe, expect, it } from "vitest";
import { toHex } from "../../../base/bytes.ts";
import { clientUuid, clientUuidValue } from "../../../netboot/dhcp/pxe-options.ts";

describe("clientUuidValue()", () => {
  // As QEMU's firmware sends what `-uuid` was told.
  const uuid = "00112233-4455-6677-8899-aabbccddeeff";

  it("has the first three fields little-endian, as SMBIOS stores them", () => {
    expect(toHex(clientUuidValue(uuid))).toBe("0033221100554477668899aabbccddeeff");
  });

  it("is read back as what it was", () => {
    expect(clientUuid(new Map([[97, clientUuidValue(uuid)]]))).toBe(uuid);
  });
});
