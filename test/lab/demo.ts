/** The demonstration behind `npm run demo`: see demo.sh. What it does is what an administrator types, and is shown as such. */
import { parseArgs } from "node:util";
import { formatDuration } from "../../base/quantity.ts";
import { Lab } from "./lab.ts";
import type { Machine } from "./machine.ts";

const minutes = 60_000;
const started = Date.now();
const times: (readonly [string, number])[] = [];

function say(text: string): void {
  console.log(`${formatDuration(Date.now() - started).padStart(12)}  ${text}`);
}

async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  console.log("");
  say(`── ${title}`);
  const start = Date.now();
  const value = await work();
  times.push([title, Date.now() - start]);
  return value;
}

/** Runs `ingot`, showing the command line and all it prints. */
async function ingot(lab: Lab, ...words: readonly string[]): Promise<void> {
  say(`$ ingot ${words.map((word) => (/[\s'"$]/.test(word) ? `'${word}'` : word)).join(" ")}`);
  await lab.ingotWith({ passThrough: true }, ...words);
}

/** Runs a command on a machine and shows what it says. */
async function ask(machine: Machine, command: string): Promise<string> {
  const { stdout } = await machine.ssh(command);
  say(`${machine.spec.name}$ ${command}`);
  for (const line of stdout.trimEnd().split("\n")) {
    console.log(`              ${line}`);
  }
  return stdout.trim();
}

async function bootGolden(lab: Lab): Promise<Machine> {
  const golden = await lab.golden();
  await ingot(lab, "node", "add", "golden", "--mac", golden.mac, "--ip", golden.address);
  await golden.start();
  await golden.waitForSsh(15 * minutes);
  await ask(golden, "hostname; uname -r; lsblk -no NAME,SIZE,FSTYPE,MOUNTPOINTS /dev/vda");
  return golden;
}

/** Arms the node, powers it on, and follows the install to its end; then the node boots from its own disk. */
async function install(lab: Lab, node: Machine): Promise<void> {
  await ingot(lab, "node", "add", node.spec.name, "--mac", node.mac, "--ip", node.address, "--group", "web");
  const waiting = ingot(
    lab,
    "deploy",
    node.spec.name,
    "--image",
    "web",
    "--append",
    "console=ttyS0,115200",
    "--wait",
  );
  // Arming comes first: a machine that is not armed would be sent to its own, empty disk.
  await Promise.race([waiting, waitUntilArmed(lab, node)]);
  const seen = node.reboots;
  await node.start();
  await waiting;
  await node.waitForReboot({ seen, timeoutMs: 15 * minutes });
}

async function waitUntilArmed(lab: Lab, node: Machine): Promise<void> {
  for (;;) {
    const { stdout } = await lab.ingot("node", "list", node.spec.name, "--json");
    const list = JSON.parse(stdout) as { nodes: readonly { boot: { kind: string } }[] };
    if (list.nodes[0]?.boot.kind === "install") {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    lab.signal.throwIfAborted();
  }
}

async function update(lab: Lab, node: Machine): Promise<void> {
  const before = await ask(node, "systemctl show --value --property MainPID ssh cron | xargs");
  await node.ssh("echo 'changed by hand' >>/etc/motd; mkdir -p /opt/stray && echo stray >/opt/stray/file");
  say("node1: /etc/motd changed and /opt/stray added by hand");
  await ingot(lab, "update", "node1", "--image", "web", "--dry-run");
  await ingot(lab, "update", "node1", "--image", "web");
  await ask(node, "cat /opt/hello/hello.txt; cat /etc/motd; ls /opt");
  const after = await ask(node, "systemctl show --value --property MainPID ssh cron | xargs");
  say(before === after ? "sshd and cron went on with the same process ids" : "services were restarted");
}

async function demonstrate(lab: Lab): Promise<void> {
  await step("Build the installer from Debian packages", async () => {
    say("$ ingot serve & ingot flavor build");
    await lab.buildFlavor({ passThrough: true });
  });
  await step("Start Ingot on the lab's closed wire", async () => {
    await lab.startDaemon();
    await ingot(lab, "status");
  });
  const golden = await step("Boot the golden client, a Debian 12 installed by hand on /dev/vda", () =>
    bootGolden(lab),
  );
  await step("Look at it and capture it", async () => {
    await ingot(lab, "prepare", golden.address);
    await ingot(lab, "capture", "web", golden.address, "--message", "as installed by hand");
  });
  const node = await lab.machine({ name: "node1", firmware: "bios", disks: [{ bus: "virtio", size: "4G" }] });
  await step("Netboot a blank machine and install it from the image", () => install(lab, node));
  await step("The machine boots from its own disk", async () => {
    await node.waitForSsh(15 * minutes);
    await ask(
      node,
      "hostname; cat /etc/machine-id; findmnt -no SOURCE,TARGET,FSTYPE /; findmnt -no SOURCE,TARGET,FSTYPE /boot; findmnt --verify | tail -1",
    );
    await ask(node, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
  });
  await step("Change the image in a chroot and commit", async () => {
    const change = "mkdir -p /opt/hello && echo 'hello from web@2' >/opt/hello/hello.txt";
    await ingot(lab, "image", "chroot", "web", "--", "sh", "-c", change);
    await ingot(lab, "image", "commit", "web", "--message", "add /opt/hello");
    await ingot(lab, "image", "history", "web");
    await ingot(lab, "image", "diff", "web", "1", "2");
  });
  await step("Update the running machine", () => update(lab, node));
}

function sum(lab: Lab): void {
  console.log("\nWhat happened:");
  for (const [title, time] of times) {
    console.log(`${formatDuration(time).padStart(12)}  ${title}`);
  }
  console.log(
    `${formatDuration(Date.now() - started).padStart(12)}  in all (${lab.accelerator.toUpperCase()})`,
  );
}

function showHowToLook(lab: Lab, machines: readonly Machine[]): void {
  const inside = `nsenter --net=/run/netns/${lab.place.namespace} --`;
  console.log(`\nEverything goes on running in ${lab.place.folder}. To look at it, as root:

  export INGOT_STATE=${lab.state}
  ${inside} node dist/server/cli/main.js node list
  ls ${lab.state}/images/web                       the image: a plain tree
  tail -f ${lab.place.folder}/ingot.log`);
  for (const machine of machines.filter((candidate) => candidate.running)) {
    console.log(`  ${inside} ssh -i ${lab.keyFile} -o UserKnownHostsFile=${machine.sshTarget.knownHosts} root@${machine.address}     ${machine.spec.name}
  socat -,raw,echo=0 UNIX-CONNECT:${machine.serialSocket}     its serial line`);
  }
  console.log("\n  npm run demo -- --remove                         stops and removes it all");
}

const { values } = parseArgs({
  options: { keep: { type: "boolean" }, remove: { type: "boolean" } },
});
if (values.remove) {
  console.log(`${await Lab.removeKept()} kept demonstrations removed`);
  process.exit(0);
}

say("Opening a lab: a closed network for virtual machines");
const lab = await Lab.open({ report: say });
say(
  lab.accelerator === "kvm"
    ? "Machines run under KVM"
    : "Machines are emulated (KVM does not work here): booting takes half a minute each",
);
try {
  await demonstrate(lab);
  sum(lab);
  if (values.keep) {
    showHowToLook(lab, lab.machines);
    lab.keep();
    process.exit(0);
  }
  console.log("\nNext: npm run demo -- --keep leaves all this running for a look; README.md has the rest.");
} catch (error) {
  // After Ctrl-C the lab is being removed already, and whatever was under way has failed because of that.
  if (!lab.signal.aborted) {
    console.error(`\nThe demonstration failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
} finally {
  await lab.close();
}
