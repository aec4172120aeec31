import { AppError } from "../../base/errors.ts";
import { parseIpv4 } from "../../base/net-types.ts";
import { collect } from "../../base/result.ts";
import { json, pathParam, type Route, readJson, text } from "../api/router.ts";
import { NodesAdd, NodesRequest, NodesSet } from "../api/schema/node.ts";
import {
  type Host,
  parseGroupName,
  parseHost,
  parseHostName,
  parseKernelArguments,
  parseUnicastMac,
  parseUuid,
} from "../hosts/host.ts";
import { isInstallOver } from "../installs/install.ts";
import { isRescueWanted } from "../rescues/rescue.ts";
import type { Services } from "../services.ts";
import { hardwareView, nodeView } from "./hosts-view.ts";
import { resolveVersion, selected, versionId, wanted } from "./results.ts";

export function nodeRoutes(services: Services): readonly Route[] {
  const { hosts, installs } = services;
  const view = (list: readonly Host[], status = 200) =>
    json({ nodes: list.map((host) => nodeView(services, host)) }, status);

  function find(name: string): Host {
    const host = hosts.get(wanted(parseHostName(name)));
    if (host === undefined) {
      throw new AppError("not-found", `Node ${name} does not exist`, {
        hint: "ingot node list shows all nodes",
      });
    }
    return host;
  }

  async function changed(host: Host, set: NodesSet["set"]): Promise<Host> {
    const image = typeof set.image === "string" ? await resolveVersion(services.store, set.image) : undefined;
    const next = {
      ...host,
      ...(set.macs === undefined
        ? {}
        : { macs: [...new Set(wanted(collect(set.macs.map(parseUnicastMac))))] }),
      ...(set.groups === undefined
        ? {}
        : { groups: [...new Set(wanted(collect(set.groups.map(parseGroupName))))] }),
      ...(typeof set.uuid === "string" ? { uuid: wanted(parseUuid(set.uuid)) } : {}),
      ...(typeof set.ip === "string" ? { ip: wanted(parseIpv4(set.ip)) } : {}),
      ...(image === undefined ? {} : { image: versionId(image) }),
      ...(typeof set.kernelArguments === "string"
        ? { kernelArguments: wanted(parseKernelArguments(set.kernelArguments)) }
        : {}),
      ...(set.localBoot === undefined || set.localBoot === "auto" ? {} : { localBoot: set.localBoot }),
    };
    const clearable = ["uuid", "ip", "image", "kernelArguments"] as const;
    return without(next, [
      ...clearable.filter((key) => set[key] === null),
      ...(next.kernelArguments === "" ? ["kernelArguments" as const] : []),
      ...(set.localBoot === "auto" ? ["localBoot" as const] : []),
    ]);
  }

  return [
    {
      method: "GET",
      path: "/api/nodes",
      access: "admin",
      handle: ({ url }) => {
        const selection = url.searchParams.get("select");
        return view(selection === null ? hosts.list() : selected(hosts, selection));
      },
    },
    {
      method: "POST",
      path: "/api/nodes",
      access: "admin",
      handle: async (context) => {
        const body = await readJson(context, NodesAdd);
        const added = wanted(collect(body.nodes.map(parseHost)));
        hosts.add(added);
        return view(
          added.map((host) => find(host.name)),
          201,
        );
      },
    },
    {
      method: "PATCH",
      path: "/api/nodes",
      access: "admin",
      handle: async (context) => {
        const { nodes, set } = await readJson(context, NodesSet);
        const chosen = selected(hosts, nodes);
        const isOneNodes =
          set.macs !== undefined || [set.ip, set.uuid].some((one) => typeof one === "string");
        if (chosen.length > 1 && isOneNodes) {
          throw new AppError(
            "bad-input",
            `MACs, UUIDs and addresses belong to one node, and '${nodes}' names ${chosen.length}`,
          );
        }
        const next: Host[] = [];
        for (const host of chosen) {
          next.push(await changed(host, set));
        }
        hosts.replace(next);
        return view(next.map((host) => find(host.name)));
      },
    },
    {
      method: "DELETE",
      path: "/api/nodes",
      access: "admin",
      handle: ({ url }) => {
        const chosen = selected(hosts, url.searchParams.get("select") ?? "");
        const busy = chosen.filter((host) => installs.latest(host.name)?.stage === "installing");
        if (busy.length > 0) {
          throw new AppError("conflict", `Node ${busy[0]?.name} is being installed`, {
            hint: `ingot localboot ${busy[0]?.name} gives the install up`,
          });
        }
        const body = chosen.map((host) => nodeView(services, host));
        hosts.remove(chosen.map((host) => host.name));
        return json({ nodes: body });
      },
    },
    {
      method: "GET",
      path: "/api/nodes/{name}",
      access: "admin",
      handle: ({ params }) => {
        const host = find(pathParam({ params }, "name"));
        return json({ ...nodeView(services, host), ...hardwareView(services, host) });
      },
    },
    {
      method: "GET",
      path: "/api/nodes/{name}/log",
      access: "admin",
      handle: ({ params }) => {
        const install = installs.latest(find(pathParam({ params }, "name")).name);
        return text(install === undefined ? "" : installs.log(install.id));
      },
    },
    {
      method: "POST",
      path: "/api/localboot",
      access: "admin",
      handle: async (context) => {
        const { nodes } = await readJson(context, NodesRequest);
        const chosen = selected(hosts, nodes);
        for (const host of chosen) {
          const install = installs.latest(host.name);
          if (install !== undefined && !isInstallOver(install)) {
            installs.change(install.id, { kind: "cancelled", message: "disarmed by an administrator" });
          }
          if (isRescueWanted(services.rescues.get(host.name), services.clock.now())) {
            services.rescues.remove(host.name);
          }
        }
        return view(chosen);
      },
    },
  ];
}

function without(
  host: Host,
  names: readonly ("uuid" | "ip" | "image" | "kernelArguments" | "localBoot")[],
): Host {
  const copy: Partial<Record<keyof Host, unknown>> = { ...host };
  for (const name of names) {
    delete copy[name];
  }
  return copy as Host;
}
