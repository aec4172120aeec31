/**
 * What the two commands that run on a client ask for.
 *
 * - `GET  /client`            shell text that installs the commands; without a token, which image content wants
 * - `GET  /client/{token}`    the same with a client token, as the line of `ingot client` asks for it
 * - `GET  /client/ssh-keys`   the server's public keys, for authorized_keys
 * - `POST /client/prepare`    body: what images/capture/client/probe.sh prints → text of autoinstallscript.conf
 * - `POST /client/update/…`   list, plan and bundle: images/update/pull.ts says what passes
 */
import { fromLatin1, toLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { parseProbe } from "../../images/capture/golden-facts.ts";
import { parseVersionRef } from "../../images/manifest.ts";
import { overlaidReader } from "../../images/overlay/overlaid-reader.ts";
import { shellAsset } from "../../images/shell-asset.ts";
import { planFromListing, pullEndpoints, pullListCommand, showPlan } from "../../images/update/pull.ts";
import type { ListingRequest } from "../../images/update/request.ts";
import { bundleStream } from "../../images/update/run.ts";
import {
  bodyOf,
  pathParam,
  queryNumber,
  type Route,
  type RouteContext,
  readBody,
  streamBody,
  text,
} from "../api/router.ts";
import { pulledOverrides } from "../overrides/for-node.ts";
import { wanted } from "../routes/results.ts";
import type { Services } from "../services.ts";
import { layoutText } from "../workflows/capture.ts";
import { renderInstaller } from "./installer.ts";

const probeLimit = 16 * 1024 * 1024;
const maxVersion = 999_999_999;

export function clientRoutes(services: Services): readonly Route[] {
  function installer(token: string | undefined): Response {
    const commands = [
      { name: "si_prepareclient", text: shellAsset("images/capture/client/si_prepareclient.sh") },
      { name: "si_updateclient", text: shellAsset("images/update/client/si_updateclient.sh") },
    ];
    const known = { url: services.clientUrl(), pin: services.pin, commands };
    return latin1(renderInstaller(token === undefined ? known : { ...known, token }));
  }

  function client(path: string, handle: (context: RouteContext) => Promise<Response>): Route {
    return { method: "POST", path, access: "client", handle };
  }

  return [
    { method: "GET", path: "/client", access: "public", handle: () => installer(undefined) },
    {
      method: "GET",
      path: "/client/ssh-keys",
      access: "public",
      handle: () => text(services.authorizedKeys),
    },
    {
      method: "GET",
      path: "/client/{token}",
      access: "public",
      handle: (context) => {
        const token = pathParam(context, "token");
        if (!services.tokens.isClientToken(token)) {
          throw new AppError("unauthorized", "The client token is not known", {
            hint: "'ingot client' on the server prints a line with a valid one",
          });
        }
        return installer(token);
      },
    },
    client("/client/prepare", async ({ request }) => {
      const output = toLatin1(await readBody(request, { limit: probeLimit }));
      return latin1(layoutText(wanted(parseProbe(output))));
    }),
    client(pullEndpoints.list, async (context) =>
      latin1(await pullListCommand(await listing(services, context))),
    ),
    client(pullEndpoints.plan, async (context) =>
      latin1(showPlan(await planFromListing(await listing(services, context)))),
    ),
    client(pullEndpoints.bundle, async (context) => {
      const request = await listing(services, context);
      const plan = await planFromListing(request);
      const overrides = { overlays: services.overrides.overlays, versions: plan.overrides };
      const bundle = bundleStream({
        store: overlaidReader(services.store, overrides),
        plan,
        options: { noBootloader: request.options?.noBootloader === true },
        signal: context.request.signal,
      });
      return new Response(streamBody(bundle), {
        headers: { "content-type": "application/octet-stream", "cache-control": "no-store" },
      });
    }),
  ];
}

/** The query's image may be `web@3` or `web@stable`; `version` says the number where the plan has been seen before. */
async function listing(services: Services, { request, url, peer }: RouteContext): Promise<ListingRequest> {
  const query = url.searchParams;
  const ref = wanted(parseVersionRef(query.get("image") ?? ""));
  const seen = queryNumber(url, "version", { min: 1, max: maxVersion });
  // Resolved by the store now: an image that is not there is told before the node lists itself.
  const version = seen ?? (await services.store.resolve(ref)).number;
  return {
    store: services.store,
    image: ref.image,
    body: bodyOf(request),
    options: {
      noDelete: isSet(query, "no-delete"),
      noBootloader: isSet(query, "no-bootloader"),
      ...directoryOf(query),
    },
    signal: request.signal,
    version,
    overrides: async (hostname) => await pulledOverrides(services, { hostname, peer, image: ref.image }),
  };
}

function directoryOf(query: URLSearchParams): { readonly directory?: string } {
  const directory = query.get("directory") ?? "/";
  if (!directory.startsWith("/")) {
    throw new AppError("bad-input", `Directory '${directory}' is not absolute`);
  }
  return directory === "/" ? {} : { directory };
}

function isSet(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== "0" && value !== "no";
}

function latin1(body: string): Response {
  return text(Uint8Array.from(fromLatin1(body)));
}
