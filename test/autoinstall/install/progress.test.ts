import { expect, test } from "vitest";
import { armedState, type InstallEvent, reduceInstall } from "../../../autoinstall/install/progress.ts";

function after(...events: readonly InstallEvent[]) {
  return events.reduce(reduceInstall, armedState);
}

test("reports that come out of order never take phase or percent back", () => {
  const state = after(
    { kind: "script-fetched", at: 10 },
    { kind: "report", at: 20, phase: "write", percent: 40, bytes: 400, message: "half" },
    { kind: "report", at: 21, phase: "format", percent: 3, message: "late" },
    { kind: "report", at: 22, phase: "write", percent: Number.NaN },
  );

  expect(state).toMatchObject({
    status: "running",
    phase: "write",
    percent: 40,
    bytes: 400,
    message: "half",
    startedAt: 10,
  });
});

test("only the end is a hundred percent", () => {
  expect(after({ kind: "report", at: 1, phase: "finish", percent: 1e9 }).percent).toBe(99);
  expect(after({ kind: "done", at: 2 })).toMatchObject({ status: "done", percent: 100, finishedAt: 2 });
});

test("a failure is kept, whatever comes after it", () => {
  const failed = after({ kind: "failed", at: 5, phase: "verify", message: "differs" });

  expect(reduceInstall(failed, { kind: "done", at: 6 })).toBe(failed);
  expect(failed).toMatchObject({ status: "failed", phase: "verify", failure: { message: "differs" } });
});
