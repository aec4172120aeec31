import { describe, expect, test } from "vitest";
import { fromLatin1 } from "../../../base/bytes.ts";
import { hostKeyAlgorithms, hostKeyType, judgeHostKey } from "../../../images/remote/host-key.ts";

const ed25519 = fromLatin1("\0\0\0\x0bssh-ed25519\0\0\0\x01k");
const rsa = fromLatin1("\0\0\0\x07ssh-rsa\0\0\0\x01k");

describe("judgeHostKey()", () => {
  test.each([
    ["a first contact", [], ed25519, "first-contact"],
    ["a known key", [rsa, ed25519], ed25519, "known"],
    ["another key of the same type", [ed25519], fromLatin1("\0\0\0\x0bssh-ed25519\0\0\0\x01x"), "changed"],
    ["a key of another type", [ed25519], rsa, "changed"],
  ])("knows %s", (_, pinned, shown, kind) => {
    expect(judgeHostKey(pinned, shown).kind).toBe(kind);
  });
});

describe("hostKeyType()", () => {
  test.each([
    [ed25519, "ssh-ed25519"],
    [new Uint8Array(3), undefined],
    [fromLatin1("\xff\xff\xff\xffx"), undefined],
    [fromLatin1("\0\0\0\x02a\n"), undefined],
  ])("reads the name and nothing hostile", (key, type) => {
    expect(hostKeyType(key)).toBe(type);
  });
});

test("hostKeyAlgorithms() asks for the pinned key first", () => {
  expect(hostKeyAlgorithms([rsa]).slice(0, 2)).toEqual(["rsa-sha2-512", "rsa-sha2-256"]);
  expect(hostKeyAlgorithms([])[0]).toBe("ssh-ed25519");
  expect(new Set(hostKeyAlgorithms([rsa])).size).toBe(hostKeyAlgorithms([rsa]).length);
});
