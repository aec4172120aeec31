/** Sixty-four machines that are powered on at once; test/e2e/firmware/storm.test.ts has five hundred. */
import { expect, it } from "vitest";
import { ingotProgram } from "../programs.ts";
import { missingForRig } from "./netboot-rig.ts";
import { faultsOf, figuresOf, runStorm } from "./netboot-storm.ts";

const missing = missingForRig(["perfdhcp", "tcpdump", "curl"]);

it.skipIf(missing !== undefined)(
  `64 machines at once each get their own address and all that they boot${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  { timeout: 600_000 },
  async () => {
    const storm = await runStorm(64, ingotProgram);

    console.log(figuresOf(storm));
    expect(faultsOf(storm, 64)).toEqual([]);
    expect(storm.statusSeconds.length).toBeGreaterThan(0);
  },
);
