/**
 * A lab's network: a namespace with a bridge, one tap device per NIC, and no way out. What runs "on the server" runs in this
 * namespace and sees the bridge as its only wire. Labs are closed, so every one of them has the same addresses.
 */
import { run } from "./run.ts";

/** What the server has on its wire, and what tests build their configurations from. */
export const labNetwork = {
  interface: "br0",
  serverAddress: "10.77.0.1",
  cidr: "10.77.0.0/24",
  prefix: 24,
  ipv6Prefix: "fd77:77:77:77",
  /** The n-th address for machines: 10.77.0.(10 + n). */
  address: (index: number): string => `10.77.0.${10 + index}`,
} as const;

/**
 * Words that run a command in the namespace. nsenter rather than `ip netns exec`: the latter also gives every command a mount
 * namespace of its own, and the daemon and the command line share one on a real server.
 */
export function inNamespace(namespace: string): readonly string[] {
  return ["nsenter", `--net=/run/netns/${namespace}`, "--"];
}

export async function openNetwork(namespace: string): Promise<void> {
  await run(["ip", "netns", "add", namespace]);
  const bridge = labNetwork.interface;
  const batch = [
    "link set lo up",
    // Ports forward at once: firmware gives up on DHCP long before a bridge has learned its tree.
    `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `addr add ${labNetwork.serverAddress}/${labNetwork.prefix} dev ${bridge}`,
    `addr add ${labNetwork.ipv6Prefix}::1/64 dev ${bridge} nodad`,
    `link set ${bridge} up`,
  ];
  await run(["ip", "-netns", namespace, "-batch", "-"], { input: `${batch.join("\n")}\n` });
}

/** The words of a program that announces an IPv6 prefix on the wire, and is no router. Without any announcement iPXE waits 15 s for one. */
export function ipv6Announcer(namespace: string): readonly string[] {
  const bridge = labNetwork.interface;
  return [
    ...[
      ...inNamespace(namespace),
      "dnsmasq",
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--log-facility=-",
    ],
    ...["--user=root", "--port=0", `--interface=${bridge}`, "--pid-file=", "--dhcp-leasefile=/dev/null"],
    ...["--enable-ra", `--dhcp-range=${labNetwork.ipv6Prefix}::,ra-only`, `--ra-param=${bridge},10,0`],
  ];
}

/** Makes a tap device on the bridge for one NIC. */
export async function openTap(namespace: string, tap: string): Promise<void> {
  await run([...inNamespace(namespace), "ip", "tuntap", "add", "dev", tap, "mode", "tap"]);
  await run(["ip", "-netns", namespace, "link", "set", tap, "master", labNetwork.interface, "up"]);
}

/** The processes that run in a namespace; none when it does not exist. */
export async function namespacePids(namespace: string): Promise<readonly number[]> {
  const { stdout } = await run(["ip", "netns", "pids", namespace], { allowFailure: true });
  return stdout.split("\n").filter(Boolean).map(Number);
}

/** Removes a namespace with its bridge and taps. */
export async function closeNetwork(namespace: string): Promise<void> {
  await run(["ip", "netns", "delete", namespace], { allowFailure: true });
}
