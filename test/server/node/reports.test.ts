import { describe, expect, it } from "vitest";
import { logText, parseFailure, parseReport } from "../../../server/node/reports.ts";

describe("parseReport()", () => {
  it("reads JSON and the query form alike", () => {
    const query = new URLSearchParams("phase=write&percent=42&bytes=7&message=hi");

    const expected = { phase: "write", percent: 42, bytes: 7, message: "hi" };
    expect(parseReport("", query)).toEqual({ ok: true, value: expected });
    expect(parseReport(JSON.stringify(expected), new URLSearchParams())).toEqual({
      ok: true,
      value: expected,
    });
  });

  it.each([
    '{"phase":"dance","percent":1}',
    '{"phase":"write","percent":101}',
    '{"phase":"write","percent":-1}',
    '{"phase":"write"}',
    '{"phase":"write","percent":1,"bytes":1.5}',
    "[1",
    "null",
  ])("refuses %s", (body) => {
    expect(parseReport(body, new URLSearchParams()).ok).toBe(false);
  });
});

describe("parseFailure()", () => {
  it("takes control characters out of what a machine says, and bounds it", () => {
    const message = `bad\u001b[2J${"x".repeat(10_000)}`;

    const failure = parseFailure(JSON.stringify({ phase: "format", message }), new URLSearchParams());

    expect(failure.ok && failure.value.message.startsWith("bad [2Jxxx")).toBe(true);
    expect(failure.ok && failure.value.message.length).toBeLessThanOrEqual(4096);
  });
});

describe("logText()", () => {
  it("keeps lines and tabs, and nothing that drives a terminal", () => {
    expect(logText(new TextEncoder().encode("a\tb\r\nc\u001b[31m\u0000d\n"))).toBe("a\tb\nc[31md\n");
  });
});
