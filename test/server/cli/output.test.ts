import { describe, expect, it } from "vitest";
import { AppError } from "../../../base/errors.ts";
import { renderError, renderProgress, renderTable, withCommas } from "../../../server/cli/output.ts";

describe("renderTable()", () => {
  it("pads columns and sets numbers to the right", () => {
    expect(
      renderTable(
        ["NAME", "SIZE"],
        [
          ["a", "1"],
          ["long-name", "1000"],
        ],
        [1],
      ),
    ).toBe("NAME       SIZE\na             1\nlong-name  1000\n");
  });
});

describe("renderError()", () => {
  it("says where, what failed and what to do", () => {
    const error = new AppError("bad-input", "Unknown key 'tfpt'", {
      at: { file: "ingot.yaml", line: 3, column: 5 },
      hint: "known keys: tftp",
    });

    expect(renderError(error)).toBe("ingot: ingot.yaml:3:5: Unknown key 'tfpt'\n  known keys: tftp\n");
  });
});

describe("renderProgress()", () => {
  it("shows bar, files, bytes, rate and time left", () => {
    const line = renderProgress(
      {
        label: "capture web",
        phase: "stream",
        files: 500,
        filesTotal: 1000,
        bytes: 50 << 20,
        bytesTotal: 100 << 20,
        rate: 10 << 20,
        elapsed: 5000,
      },
      200,
    );

    expect(line).toBe(
      "capture web  stream     [##########          ]  50%  500/1,000 files  50.0 MiB  10.0 MiB/s  5.0 s left",
    );
  });

  it("never exceeds the terminal's width", () => {
    const line = renderProgress({ label: "x".repeat(200), phase: "list", elapsed: 0 }, 80);

    expect(line.length).toBeLessThan(80);
  });
});

describe("withCommas()", () => {
  it.each([
    [0, "0"],
    [999, "999"],
    [13044, "13,044"],
    [1234567, "1,234,567"],
  ])("writes %d as %s", (value, text) => {
    expect(withCommas(value)).toBe(text);
  });
});
