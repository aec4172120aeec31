/**
 * What a ramdisk that installs nothing asks for, by the token of its boot: a machine that is discovered, or a rescue.
 *
 * - `POST /ramdisk/hardware`  what netboot/ramdisk/hardware.sh prints; headers `X-Ingot-Address`, `X-Ingot-Host-Key`
 * - `GET  /ramdisk/wait`      a discovered machine asks what to do: `reboot WHY`, or why it waits
 */
import { toUtf8Lossy } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { parseIpv4 } from "../../base/net-types.ts";
import { bearerToken } from "../api/auth.ts";
import { noContent, type Route, type RouteContext, readBody, text } from "../api/router.ts";
import type { Hardware } from "../api/schema/discovery.ts";
import { adoptByRule } from "../discovery/adoption.ts";
import { parseHardware } from "../discovery/hardware.ts";
import { type Stranger, waitAnswer } from "../discovery/stranger.ts";
import { parseHost } from "../hosts/host.ts";
import { isInstallOver } from "../installs/install.ts";
import { isRescueWanted, type Rescue } from "../rescues/rescue.ts";
import { wanted } from "../routes/results.ts";
import type { Services } from "../services.ts";

const reportLimit = 1024 * 1024;

export function ramdiskRoutes(services: Services): readonly Route[] {
  const { strangers, rescues, hosts, clock } = services;

  function tokenHash({ request }: RouteContext): string {
    const token = bearerToken(request.headers.get("authorization"));
    if (token === undefined) {
      throw new AppError("unauthorized", "There is no token");
    }
    return services.tokens.hash(token);
  }

  return [
    {
      method: "POST",
      path: "/ramdisk/hardware",
      access: "install",
      handle: async (context) => {
        const hash = tokenHash(context);
        const stranger = strangers.byToken(hash);
        const rescue = rescues.byToken(hash);
        if (stranger === undefined && rescue === undefined) {
          throw new AppError("unauthorized", "The ramdisk's token is not known");
        }
        const hardware = wanted(
          parseHardware(toUtf8Lossy(await readBody(context.request, { limit: reportLimit }))),
        );
        const where = whereOf(context.request.headers);
        if (rescue !== undefined) {
          rescues.save({ ...rescue, up: { at: clock.now(), ...where } });
          services.log.info("Rescue is up", { node: rescue.node, ...where });
          keepHardware(services, rescue, hardware);
        }
        if (stranger !== undefined) {
          const known = { ...stranger, ...where, hardware, lastSeen: clock.now() };
          strangers.save(known);
          services.log.info("Machine discovered", { mac: known.mac, product: hardware.product, ...where });
          adoptIfRuled(services, known);
        }
        return noContent();
      },
    },
    {
      method: "GET",
      path: "/ramdisk/wait",
      access: "install",
      handle: (context) => {
        const stranger = strangers.byToken(tokenHash(context));
        if (stranger === undefined) {
          // It cannot get further with this token: its next boot gives it another, or sends it to its disk.
          return text("reboot the server has forgotten this machine\n");
        }
        const host = hosts.byMac(stranger.mac);
        const install = host === undefined ? undefined : services.installs.latest(host.name);
        const hasWork =
          host !== undefined &&
          ((install !== undefined && !isInstallOver(install)) ||
            isRescueWanted(services.rescues.get(host.name), clock.now()));
        const { reboot, message } = waitAnswer(stranger, host, hasWork);
        return text(`${reboot ? "reboot " : ""}${message}\n`);
      },
    },
  ];
}

/** Where the machine says it is. */
function whereOf(headers: Headers): { readonly address?: string; readonly hostKey?: string } {
  const address = parseIpv4(headers.get("x-ingot-address") ?? "");
  const hostKey = /^SHA256:[A-Za-z0-9+/]{43}$/.exec(headers.get("x-ingot-host-key") ?? "")?.[0];
  return {
    ...(address.ok ? { address: address.value } : {}),
    ...(hostKey === undefined ? {} : { hostKey }),
  };
}

/** A node's hardware is kept with its first card, as if it had been discovered. */
function keepHardware(services: Services, rescue: Rescue, hardware: Hardware): void {
  const mac = services.hosts.get(rescue.node)?.macs[0];
  if (mac !== undefined) {
    const now = services.clock.now();
    const before = services.strangers.get(mac) ?? { ignored: false, firstSeen: now, interface: "" };
    services.strangers.save({ ...before, mac, lastSeen: now, firmware: hardware.firmware, hardware });
  }
}

/** A rule that cannot be carried out leaves the machine waiting for a person. */
function adoptIfRuled(services: Services, stranger: Stranger): void {
  if (services.hosts.byMac(stranger.mac) !== undefined) {
    return;
  }
  const adoption = adoptByRule(
    stranger,
    services.settings.adoptionRules,
    (name) => services.hosts.get(name) !== undefined,
  );
  if (adoption === undefined) {
    return;
  }
  const { mac } = stranger;
  if (!adoption.ok) {
    services.log.warn("A rule adopts this machine, and cannot", { mac, reason: adoption.error });
    return;
  }
  services.hosts.add([wanted(parseHost({ ...adoption.value, macs: [mac] }))]);
  services.log.info("Machine adopted by rule", { mac, node: adoption.value.name });
}
