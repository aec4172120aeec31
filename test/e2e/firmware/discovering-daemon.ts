/** The lab's daemon as these tests want it: it gives addresses to machines that nobody knows, and asks what they are. */
import type { Lab } from "../../lab/lab.ts";
import { labNetwork } from "../../lab/network.ts";

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
