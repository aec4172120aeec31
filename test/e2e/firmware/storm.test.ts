/** Five hundred machines that are powered on at once ask the built daemon for addresses, and then for all that they boot. */
import { expect, it } from "vitest";
import { missingForRig } from "../../interop/netboot-rig.ts";
import { faultsOf, figuresOf, runStorm } from "../../interop/netboot-storm.ts";

const missing = missingForRig(["perfdhcp", "tcpdump", "curl"]);
const main = new URL("../../../dist/server/cli/main.js", import.meta.url).pathname;
/** docs/performance.md: the daemon's resident memory. */
const mostMiB = 250;

it.skipIf(missing !== undefined)(
  `500 machines at once each get their own address and all that they boot${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  async () => {
    const storm = await runStorm(500, [process.execPath, main]);

    console.log(figuresOf(storm));
    expect(faultsOf(storm, 500)).toEqual([]);
    expect(storm.peakMiB).toBeLessThan(mostMiB);
    expect(storm.statusSeconds.length).toBeGreaterThan(0);
  },
);
