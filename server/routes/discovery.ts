/** Discovered machines, and rescues of nodes, as administrators handle them. */
import { AppError } from "../../base/errors.ts";
import { collect } from "../../base/result.ts";
import { json, type Route, readJson } from "../api/router.ts";
import { AdoptRequest, type Discovered, DiscoveredChange } from "../api/schema/discovery.ts";
import { RescueRequest } from "../api/schema/node.ts";
import { adoptInOrder, namesOf } from "../discovery/adoption.ts";
import type { Stranger } from "../discovery/stranger.ts";
import { parseHost, parseKernelArguments, parseUnicastMac } from "../hosts/host.ts";
import type { Services } from "../services.ts";
import { bootableFlavor, refuseArming } from "./arming.ts";
import { nodeView } from "./hosts-view.ts";
import { selected, wanted } from "./results.ts";

export function discoveryRoutes(services: Services): readonly Route[] {
  const { strangers, hosts } = services;

  function listed(): Response {
    return json({
      interfaces: services.settings.discoverInterfaces,
      machines: strangers.list().map((stranger) => view(services, stranger)),
    });
  }

  function find(text: string): Stranger {
    const mac = wanted(parseUnicastMac(text));
    const stranger = strangers.get(mac);
    if (stranger === undefined) {
      throw new AppError("not-found", `No machine ${mac} was discovered`, {
        hint: "ingot node discover lists those that were; ingot node add makes a node of one that was not",
      });
    }
    return stranger;
  }

  return [
    { method: "GET", path: "/api/discovered", access: "admin", handle: listed },
    {
      method: "POST",
      path: "/api/discovered",
      access: "admin",
      handle: async (context) => {
        const { macs, action } = await readJson(context, DiscoveredChange);
        for (const stranger of macs.map(find)) {
          if (action === "forget") {
            strangers.remove(stranger.mac);
          } else {
            strangers.save({ ...stranger, ignored: action === "ignore" });
          }
        }
        return listed();
      },
    },
    {
      method: "POST",
      path: "/api/discovered/adopt",
      access: "admin",
      handle: async (context) => {
        const request = await readJson(context, AdoptRequest);
        const chosen =
          request.macs?.map(find) ??
          strangers.list().filter((stranger) => view(services, stranger).state === "waiting");
        if (chosen.length === 0) {
          throw new AppError("not-found", "No discovered machine waits to be adopted");
        }
        if (request.ip !== undefined && chosen.length !== 1) {
          throw new AppError(
            "bad-input",
            `An address belongs to one node, and ${chosen.length} machines are named`,
          );
        }
        const names = wanted(namesOf(request.names));
        const { ip, groups } = request;
        const added = wanted(adoptInOrder(chosen, names, (name) => hosts.get(name))).map(
          ({ stranger, name }) => parseHost({ name, macs: [stranger.mac], ip, groups }),
        );
        const nodes = wanted(collect(added));
        hosts.add(nodes);
        return json({ nodes: nodes.map((host) => nodeView(services, host)) }, 201);
      },
    },
    {
      method: "POST",
      path: "/api/rescue",
      access: "admin",
      handle: async (context) => {
        const request = await readJson(context, RescueRequest);
        const chosen = selected(hosts, request.nodes);
        const flavor = bootableFlavor(services, request.flavor);
        const kernelArguments = wanted(parseKernelArguments(request.kernelArguments ?? ""));
        const now = services.clock.now();
        const time = request.minutes === undefined ? services.settings.armTime : request.minutes * 60_000;
        for (const host of chosen) {
          refuseArming(services, host);
        }
        for (const { name: node } of chosen) {
          const rescue = { node, flavor, armedAt: now, expiresAt: now + time };
          services.rescues.save(kernelArguments === "" ? rescue : { ...rescue, kernelArguments });
        }
        return json({ nodes: chosen.map((host) => nodeView(services, host)) });
      },
    },
  ];
}

function view(services: Services, stranger: Stranger): Discovered {
  const { ignored, ...rest } = stranger;
  const node = services.hosts.byMac(stranger.mac)?.name;
  const waiting = stranger.hardware === undefined ? "seen" : "waiting";
  return node === undefined
    ? { ...rest, state: ignored ? "ignored" : waiting }
    : { ...rest, state: "adopted", node };
}
