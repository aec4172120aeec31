import { ipv4ToNumber } from "../../base/net-types.ts";
import { ok } from "../../base/result.ts";
import { fullName, notice, type Render } from "./site.ts";

/** Renders lines for /etc/hosts, by address: the whole name, then the short one. */
export const renderHosts: Render = (site) => {
  const lines = site.nodes
    .flatMap((node) => (node.ip === undefined ? [] : [{ ...node, ip: node.ip }]))
    .sort((a, b) => ipv4ToNumber(a.ip) - ipv4ToNumber(b.ip))
    .map((node) => {
      const names = [fullName(node, site.domain), node.name, node.name.split(".")[0] ?? node.name];
      return `${node.ip}\t${[...new Set(names)].join(" ")}`;
    });
  return ok([{ name: "hosts", text: `${[`# ${notice}`, ...lines].join("\n")}\n` }]);
};
