import { describe, expect, it } from "vitest";
import { formatByteSize, formatDuration, parseByteSize, parseDuration } from "../../base/quantity.ts";

describe("parseByteSize()", () => {
  it.each([
    ["4096", 4096],
    ["10M", 10 * 1024 ** 2],
    ["10MiB", 10 * 1024 ** 2],
    ["10MB", 10_000_000],
    ["1.5G", 1.5 * 1024 ** 3],
  ])("reads %s", (given, expected) => {
    expect(parseByteSize(given)).toEqual({ ok: true, value: expected });
  });

  it.each([["x"], ["-1"], ["10 Q"], [""], ["99999999T"]])("refuses %j", (given) => {
    expect(parseByteSize(given).ok).toBe(false);
  });
});

describe("parseDuration()", () => {
  it.each([
    ["250ms", 250],
    ["90s", 90_000],
    ["15m", 900_000],
    ["1d", 86_400_000],
  ])("reads %s", (given, expected) => {
    expect(parseDuration(given)).toEqual({ ok: true, value: expected });
  });

  it("refuses a number without a unit", () => {
    expect(parseDuration("90").ok).toBe(false);
  });
});

describe("formats for people", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.50 KiB"],
    [405 * 1024 ** 2, "405 MiB"],
  ])("writes %d bytes as %s", (given, expected) => {
    expect(formatByteSize(given)).toBe(expected);
  });

  it.each([
    [400, "0.4 s"],
    [12_000, "12 s"],
    [185_000, "3 min 05 s"],
    [7_620_000, "2 h 07 min"],
  ])("writes %d ms as %s", (given, expected) => {
    expect(formatDuration(given)).toBe(expected);
  });
});
