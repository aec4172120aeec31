/** The lab's daemon as these tests want it: it gives addresses to machines that nobody knows, and asks what they are. */
import { DiscoveredList } from "../../../server/api/schema/discovery.ts";
import type { Lab } from "../../lab/lab.ts";
import type { Machine } from "../../lab/machine.ts";
import { labNetwork } from "../../lab/network.ts";
import { waitFor } from "../../lab/run.ts";

export async function startDiscoveringDaemon(
  lab: Lab,
  {
    console = "ttyS0",
    loaders = {},
  }: { readonly console?: string; readonly loaders?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const { interface: name, serverAddress: address, cidr: subnet } = labNetwork;
  const pool = { from: labNetwork.address(100), to: labNetwork.address(109) };
  await lab.startDaemon({
    config: {
      netboot: {
        interfaces: [{ name, mode: "server", address, subnet, pool, discover: true, loaders }],
        discoverArguments: `console=${console}`,
      },
    },
  });
}

/** Starts the machine and waits for its report; where none comes, the error ends with what the machine said. */
export async function startAndReport(lab: Lab, node: Machine): Promise<DiscoveredList["machines"][number]> {
  await node.start();
  return await waitFor(
    async () => {
      const { stdout } = await lab.ingot("node", "discover", "--json");
      return DiscoveredList.parse(JSON.parse(stdout)).machines.find(({ state }) => state === "waiting");
    },
    { what: "the machine to report", timeoutMs: 2_400_000, everyMs: 2000, signal: lab.signal },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${node.serial().slice(-3000)}`);
  });
}
