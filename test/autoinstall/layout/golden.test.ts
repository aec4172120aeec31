import { describe, expect, test } from "vitest";
import { renderScript } from "../../../autoinstall/install/render.ts";
import { decodeLayout } from "../../../autoinstall/layout/decode.ts";
import { formatDiagnostic } from "../../../autoinstall/layout/diagnostic.ts";
import { encodeLayout } from "../../../autoinstall/layout/encode.ts";
import { repairLayout } from "../../../autoinstall/layout/repair.ts";
import { expectGolden } from "../golden-file.ts";
import { fixtureNames, fixtureText, planOf, withoutPositions } from "../layout-fixture.ts";

describe.each(fixtureNames)("layout %s", (name) => {
  const decoded = decodeLayout(fixtureText(name));
  const repaired = repairLayout(decoded.layout!);

  test("is repaired as the golden file says", () => {
    const report = [
      ...decoded.diagnostics.map((one) => formatDiagnostic(one)),
      ...repaired.repairs.map(({ code, text }) => `repaired: ${text} [${code}]`),
      ...repaired.remaining.map((one) => `left: ${formatDiagnostic(one)}; ${one.advice}`),
    ];
    expectGolden(`${name}.repaired.conf`, `${encodeLayout(repaired.layout)}\n${report.join("\n")}\n`);
  });

  test("is not changed by a second repair", () => {
    const again = repairLayout(repaired.layout);

    expect(again.repairs).toEqual([]);
    expect(again.layout).toEqual(repaired.layout);
  });

  test("reads back from what is written", () => {
    const again = decodeLayout(encodeLayout(repaired.layout)).layout;

    expect(withoutPositions(again)).toEqual(withoutPositions(repaired.layout));
  });

  test("gives the script of the golden file", () => {
    const plan = planOf(repaired.layout);
    const text = plan.ok
      ? renderScript(plan.value.steps, { node: "node01", image: "web@3" })
      : plan.error.map((one) => `${formatDiagnostic({ ...one })}\n`).join("");

    // The functions are the same in every script: one golden file has them all.
    const head = text.slice(0, text.indexOf("# --- How this script works"));
    const own = name === "vda" || !plan.ok ? text : head + text.slice(text.indexOf("# --- The install"));
    expectGolden(plan.ok ? `${name}.script.sh` : `${name}.refused.txt`, own);
  });
});
