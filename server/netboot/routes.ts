/**
 * The boot service: plain HTTP, because boot firmware speaks nothing else. It gives out kernels, ramdisks and loaders, which are
 * public, and to an armed node its one-time token.
 */
import { AppError } from "../../base/errors.ts";
import { renderGrub } from "../../netboot/boot-files/grub.ts";
import { renderIpxe } from "../../netboot/boot-files/ipxe.ts";
import {
  grubPath,
  loaderPath,
  parseLoaderConfigName,
  parseScriptQuery,
  scriptPath,
} from "../../netboot/boot-files/names.ts";
import { renderPxelinux } from "../../netboot/boot-files/pxelinux.ts";
import type { Machine } from "../../netboot/booter.ts";
import { type ByteSource, fileResponse } from "../api/range.ts";
import { pathParam, type Route, type RouteContext, text } from "../api/router.ts";
import { wanted } from "../routes/results.ts";
import type { Services } from "../services.ts";
import { type BootInterface, decideForScript, decideToLook } from "./booter.ts";
import { Gate, gated } from "./gate.ts";

/** Kernels and ramdisks that are sent at the same time; iPXE waits for its turn without a limit. */
const imagesAtOnce = 64;

export interface BootFiles {
  /** A file below one of the folders that are served; `not-found`. */
  flavorFile(path: string): Promise<ByteSource>;
  loader(name: string): Promise<ByteSource>;
}

export function bootRoutes(
  services: Services,
  options: { readonly place: BootInterface; readonly files: BootFiles },
): readonly Route[] {
  const gate = new Gate(imagesAtOnce, services.clock);
  return [
    {
      method: "GET",
      path: scriptPath,
      access: "public",
      handle: ({ url }) => {
        const machine = wanted(parseScriptQuery(url.searchParams));
        return text(
          url.searchParams.has("look")
            ? lookAtScript(services, options.place, machine)
            : bootScript(services, options.place, machine),
        );
      },
    },
    {
      method: "GET",
      path: "/boot/flavors/{name}/{file}",
      access: "public",
      handle: async ({ request, params }: RouteContext) => {
        const name = pathParam({ params }, "name");
        const file = pathParam({ params }, "file");
        const path = flavorPath(services, name, file);
        return fileResponse(request, gated(await options.files.flavorFile(path), gate));
      },
    },
    {
      method: "GET",
      path: `${grubPath}/{name}`,
      access: "public",
      handle: ({ params }) => {
        const name = pathParam({ params }, "name");
        const asked = parseLoaderConfigName(`grub/${name}`);
        if (asked === undefined) {
          throw new AppError("not-found", `No machine's configuration is called ${name}`);
        }
        return text(loaderConfig(services, options.place, asked));
      },
    },
    {
      method: "GET",
      path: `${loaderPath}/{name}`,
      access: "public",
      handle: async ({ request, params }) =>
        fileResponse(request, await options.files.loader(pathParam({ params }, "name"))),
    },
  ];
}

/** Where a flavor's kernel or ramdisk lies; `not-found` for whatever else is asked. */
export function flavorPath(services: Services, name: string, file: string): string {
  const flavor = services.flavors.get(name);
  const paths: Readonly<Record<string, string | undefined>> = {
    kernel: flavor?.kernelPath,
    "initrd.img": flavor?.initrdPath,
  };
  const path = Object.hasOwn(paths, file) ? paths[file] : undefined;
  if (path === undefined) {
    throw new AppError("not-found", `Flavor ${name} has no file ${file}`);
  }
  return path;
}

/** The PXELINUX or GRUB configuration of a machine, now. */
export function loaderConfig(
  services: Services,
  place: BootInterface,
  asked: { readonly loader: "pxelinux" | "grub"; readonly machine: Machine },
): string {
  const decision = decideForScript(services, place, asked.machine);
  const { mac } = asked.machine;
  services.log.info("Boot configuration", {
    mac,
    loader: asked.loader,
    kind: decision.kind,
    reason: decision.reason,
  });
  const render = asked.loader === "grub" ? renderGrub : renderPxelinux;
  return wanted(render(decision, { httpBase: place.bootUrl }));
}

/** The script without its token, for whoever only looks: nothing is written down or used up. */
function lookAtScript(services: Services, place: BootInterface, machine: Machine): string {
  const decision = decideToLook(services, place, machine);
  return wanted(renderIpxe(decision, { httpBase: place.bootUrl, firmware: machine.arch.firmware }));
}

/** The iPXE script of a machine, now. */
export function bootScript(services: Services, place: BootInterface, machine: Machine): string {
  const decision = decideForScript(services, place, machine);
  services.log.info("Boot script", { mac: machine.mac, kind: decision.kind, reason: decision.reason });
  return wanted(renderIpxe(decision, { httpBase: place.bootUrl, firmware: machine.arch.firmware }));
}
