/**
 * The daemon for the install bench: one image, one node, armed anew for each line that it reads. Answers each with one line: the server,
 * its pin and the node's token. Arguments: STATE-FOLDER TREE.
 */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { JobsStarted } from "../../server/api/schema/job.ts";
import { startApp } from "../../server/app.ts";
import { parseConfig } from "../../server/config/parse.ts";
import { testEnv } from "../fakes/env.ts";
import { callApi, followJob } from "../server/api-call.ts";

const [state = "", tree = ""] = process.argv.slice(2);
const mac = "52:54:00:aa:00:01";
const [bootPort, nodePort] = [18188, 18544];

const layout = `<config>
  <disk dev="/dev/vda" label_type="msdos" unit_of_measurement="MB"><part num="1" size="*" p_type="primary" flags="boot" /></disk>
  <fsinfo line="10" real_dev="/dev/vda1" mp="/" fs="ext4" options="defaults" dump="1" pass="1" />
</config>
`;

const config = parseConfig(`
state: ${state}
api: {listen: ["127.0.0.1:0"]}
netboot: {tftp: false, bootPort: ${bootPort}, nodePort: ${nodePort}, interfaces: [{name: lo, address: 127.0.0.1}]}
`);
if (!config.ok) {
  throw new Error(JSON.stringify(config.error));
}
mkdirSync(join(state, "images"), { recursive: true });
cpSync(tree, join(state, "images/bench"), {
  recursive: true,
  preserveTimestamps: true,
  verbatimSymlinks: true,
});
writeFileSync(join(state, "images/bench/etc/systemimager/autoinstallscript.conf"), layout);
makeFlavor(join(state, "flavors/standard"));
const app = await startApp(config.value, testEnv());
await callApi(app, "POST", "/api/nodes", { nodes: [{ name: "n1", macs: [mac], ip: "127.0.0.9" }] });
await followJob(app, await callApi(app, "POST", "/api/images/bench/commit", { message: "first" }));

let job = 0;
for await (const _line of createInterface({ input: process.stdin })) {
  // The install before is not told that it is done: nothing booted, nothing was verified.
  if (job > 0) {
    await callApi(app, "POST", `/api/jobs/${job}/cancel`);
  }
  job =
    JobsStarted.parse(await callApi(app, "POST", "/api/deploy", { nodes: "n1", image: "bench" })).jobs[0]
      ?.id ?? 0;
  const script = await (await fetch(`http://127.0.0.1:${bootPort}/boot/ipxe?mac=${mac}&arch=0`)).text();
  const token = /ingot\.token=(\S+)/.exec(script)?.[1] ?? "";
  const pin = app.status().pin;
  process.stdout.write(`${JSON.stringify({ server: `https://127.0.0.1:${nodePort}`, pin, token })}\n`);
}
await app.stop();

/** Nothing boots here: the daemon only wants a flavor to name. */
function makeFlavor(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "kernel"), "a kernel");
  writeFileSync(join(folder, "initrd.img"), "a ramdisk");
  writeFileSync(
    join(folder, "flavor.json"),
    JSON.stringify({
      ...{ name: "standard", arch: "x86_64", kernelVersion: "6.1", created: "2026-01-01T00:00:00Z" },
      sizes: { kernel: 8, initrd: 9, unpacked: 9 },
      ...{ sha256s: { kernel: "", initrd: "" }, packages: [] },
    }),
  );
}
