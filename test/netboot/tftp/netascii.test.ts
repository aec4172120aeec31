import { expect, it } from "vitest";
import { fromLatin1, toLatin1 } from "../../../base/bytes.ts";
import { toNetascii } from "../../../netboot/tftp/netascii.ts";

it.each([
  ["", ""],
  ["plain", "plain"],
  ["a\nb\n", "a\r\nb\r\n"],
  ["a\r\n", "a\r\0\r\n"],
])("toNetascii() makes %j into %j", (text, converted) => {
  expect(toLatin1(toNetascii(fromLatin1(text)))).toBe(converted);
});
