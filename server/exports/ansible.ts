import { ok } from "../../base/result.ts";
import { notice, type Render } from "./site.ts";

/** Renders an inventory in INI form: all nodes, then one section per group. Ansible wants no hyphen in a group's name. */
export const renderAnsible: Render = (site) => {
  const groups = [...new Set(site.nodes.flatMap((node) => node.groups))].sort((a, b) => (a < b ? -1 : 1));
  const lines = [
    `# ${notice}`,
    "[ingot]",
    ...site.nodes.map(({ name, ip }) => (ip === undefined ? name : `${name} ansible_host=${ip}`)),
    ...groups.flatMap((group) => [
      "",
      `[${group.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(\d)/, "_$1")}]`,
      ...site.nodes.filter((node) => node.groups.includes(group)).map(({ name }) => name),
    ]),
  ];
  return ok([{ name: "inventory.ini", text: `${lines.join("\n")}\n` }]);
};
