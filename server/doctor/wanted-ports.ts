import type { Config } from "../config/schema.ts";
import type { WantedPort, WireFacts } from "./facts.ts";

/** The ports that the daemon opens by its configuration. Port 0 of the API is the kernel's choice. */
export function wantedPorts(config: Config, wires: readonly WireFacts[]): readonly WantedPort[] {
  const { netboot, api } = config;
  const listen = api.listen.filter(({ port }) => port !== 0);
  return [
    ...listen.map(({ host, port }): WantedPort => ({ protocol: "tcp", address: host, port, service: "API" })),
    ...wires.flatMap(({ own, name, config: wanted }): readonly WantedPort[] => {
      if (own === undefined || wanted === undefined) {
        return [];
      }
      const at = (protocol: "udp" | "tcp", port: number, service: string): WantedPort => ({
        ...{ protocol, address: own, port },
        service: `${service} on ${name}`,
      });
      const shared = listen.some(
        ({ host, port }) => port === netboot.nodePort && (host === own || host === "0.0.0.0"),
      );
      return [
        ...(wanted.mode === "off" ? [] : [at("udp", 67, "DHCP")]),
        ...(wanted.mode === "proxy" ? [at("udp", 4011, "PXE proxy")] : []),
        ...(netboot.tftp ? [at("udp", 69, "TFTP")] : []),
        at("tcp", netboot.bootPort, "boot files"),
        ...(shared ? [] : [at("tcp", netboot.nodePort, "nodes")]),
      ];
    }),
  ];
}
