/** What a machine under installation asks for, by its one-time token. */
import { nodeEndpoints } from "../../autoinstall/install/protocol.ts";
import { type ScriptStage, scriptStages } from "../../autoinstall/install/stage-scripts.ts";
import { fromLatin1, toUtf8Lossy } from "../../base/bytes.ts";
import { AppError, toAppError } from "../../base/errors.ts";
import { bearerToken } from "../api/auth.ts";
import {
  bodyOf,
  noContent,
  pathParam,
  queryNumber,
  type Route,
  type RouteContext,
  readBody,
  streamBody,
  text,
} from "../api/router.ts";
import { type Install, isInstallOver } from "../installs/install.ts";
import { wanted } from "../routes/results.ts";
import type { Services } from "../services.ts";
import { logText, parseFailure, parseReport } from "./reports.ts";
import type { Verdict } from "./verify.ts";

export interface UploadedListing {
  readonly body: AsyncIterable<Uint8Array>;
  readonly listingBytes: number;
}

/** The parts that know how to install. */
export interface InstallPrograms {
  /** The master script of an install, one character per byte. */
  script(install: Install): Promise<string>;
  /** Compares what a machine wrote with its version; an empty list where nothing differs. */
  verify(install: Install, written: UploadedListing & { readonly over: string }): Promise<Verdict>;
  /** What lies over the version on the machine: `all@4,web01@2`. It says these words again in `over`. */
  overrides(install: Install): Promise<string>;
  overridesClear(install: Install, over: string): Promise<Uint8Array>;
  overridesTree(
    install: Install,
    options: { readonly over: string; readonly identity: boolean; readonly signal: AbortSignal },
  ): Promise<AsyncIterable<Uint8Array>>;
  /** What runs on the machine at a stage, as the protocol lists it. */
  stage(install: Install, stage: ScriptStage): Promise<string>;
  variables(install: Install): string;
  /** For the machine's encrypted volumes; `not-found`. */
  passphrase(install: Install): Promise<Uint8Array>;
}

const reportLimit = 64 * 1024;
const logPartLimit = 1024 * 1024;
const listingLimit = 4 * 1024 ** 3;
const listedDifferences = 50;

export function nodeInstallRoutes(services: Services, programs: InstallPrograms): readonly Route[] {
  const { installs, store } = services;

  /** The install of the request's token. */
  function installOf({ request }: RouteContext): { readonly install: Install; readonly hash: string } {
    const token = bearerToken(request.headers.get("authorization"));
    const hash = token === undefined ? undefined : services.tokens.hash(token);
    const install = hash === undefined ? undefined : installs.byToken(hash);
    if (hash === undefined || install === undefined) {
      throw new AppError("unauthorized", "The install token is not known, or its install is over");
    }
    return { install, hash };
  }

  /** The same, of an install that goes on: claimed, and heard of in time. */
  function runningInstall(context: RouteContext): Install {
    const { install } = installOf(context);
    if (install.stage !== "installing") {
      throw new AppError("conflict", `The install is ${install.stage}`);
    }
    return install;
  }

  function route(
    method: "GET" | "POST",
    path: string,
    handle: (context: RouteContext) => Promise<Response>,
  ): Route {
    return { method, path, access: "install", handle };
  }

  return [
    route("GET", nodeEndpoints.script, async (context) => {
      const { install, hash } = installOf(context);
      if (install.stage !== "armed") {
        throw new AppError("conflict", "The install token was used already");
      }
      if (services.clock.now() >= install.expiresAt) {
        throw new AppError("unauthorized", "The install token has expired");
      }
      const script = await scriptOrFailure(services, programs, install);
      installs.claim(install.id, hash);
      services.log.info("Install started", { node: install.node, image: install.version.image });
      return new Response(Uint8Array.from(fromLatin1(script)), {
        headers: { "content-type": "text/x-shellscript", "cache-control": "no-store" },
      });
    }),
    route("GET", nodeEndpoints.scripts, async (context) =>
      text(await programs.stage(runningInstall(context), stageOf(context))),
    ),
    route("GET", nodeEndpoints.scriptFile, async (context) => {
      runningInstall(context);
      return secretBytes(await services.installFiles.script(stageOf(context), pathParam(context, "name")));
    }),
    route("GET", nodeEndpoints.variables, async (context) =>
      text(programs.variables(runningInstall(context))),
    ),
    route("GET", nodeEndpoints.luksKey, async (context) =>
      secretBytes(await programs.passphrase(runningInstall(context))),
    ),
    route("GET", nodeEndpoints.tree, async (context) => {
      const { version } = runningInstall(context);
      const tree = await store.versionStream(version, { signal: context.request.signal });
      return new Response(streamBody(tree.stream), {
        headers: {
          "content-type": "application/zstd",
          "cache-control": "no-store",
          "x-ingot-tree-bytes": String(tree.bytes),
          "x-ingot-tree-entries": String(tree.entries),
        },
      });
    }),
    route("GET", nodeEndpoints.overrides, async (context) =>
      text(await programs.overrides(runningInstall(context))),
    ),
    route("GET", nodeEndpoints.overridesClear, async (context) =>
      secretBytes(await programs.overridesClear(runningInstall(context), overOf(context))),
    ),
    route("GET", nodeEndpoints.overridesTree, async (context) => {
      const tree = await programs.overridesTree(runningInstall(context), {
        over: overOf(context),
        identity: context.url.searchParams.get("only") === "identity",
        signal: context.request.signal,
      });
      return new Response(streamBody(tree), {
        headers: { "content-type": "application/x-tar", "cache-control": "no-store" },
      });
    }),
    route("POST", nodeEndpoints.verify, async (context) => {
      const install = runningInstall(context);
      const listingBytes = queryNumber(context.url, "listing", { min: 0, max: listingLimit }) ?? 0;
      const { differences, flags } = await programs.verify(install, {
        body: bodyOf(context.request),
        listingBytes,
        over: overOf(context),
      });
      if (differences.length === 0) {
        return flags === "" ? noContent() : new Response(new Uint8Array(fromLatin1(flags)));
      }
      const listed = differences.slice(0, listedDifferences);
      const more =
        differences.length > listed.length ? [`and ${differences.length - listed.length} more`] : [];
      const report = [...listed, ...more].join("\n");
      installs.appendLog(install.id, `server: what was written differs from the version:\n${report}\n`);
      return text(`${report}\n`, 409);
    }),
    route("POST", nodeEndpoints.report, async (context) => {
      const { install } = installOf(context);
      if (isInstallOver(install)) {
        throw new AppError("conflict", `The install is ${install.stage}`);
      }
      const body = toUtf8Lossy(await readBody(context.request, { limit: reportLimit }));
      installs.change(install.id, {
        kind: "reported",
        report: wanted(parseReport(body, context.url.searchParams)),
      });
      return noContent();
    }),
    route("POST", nodeEndpoints.log, async (context) => {
      const { install } = installOf(context);
      if (install.stage === "done") {
        throw new AppError("unauthorized", "The install is done, and its token void");
      }
      installs.appendLog(install.id, logText(await readBody(context.request, { limit: logPartLimit })));
      return noContent();
    }),
    route("POST", nodeEndpoints.failed, async (context) => {
      const { install } = installOf(context);
      const body = toUtf8Lossy(await readBody(context.request, { limit: reportLimit }));
      const failure = wanted(parseFailure(body, context.url.searchParams));
      installs.change(install.id, { kind: "failed", ...failure });
      services.log.warn("Install failed", { node: install.node, ...failure });
      return noContent();
    }),
    route("POST", nodeEndpoints.done, async (context) => {
      if (installOf(context).install.stage === "done") {
        return noContent(); // said again, because the first answer was lost
      }
      const install = runningInstall(context);
      const host = services.hosts.get(install.node);
      if (host !== undefined) {
        services.hosts.replace([{ ...host, image: install.version }]);
      }
      installs.change(install.id, { kind: "done" });
      services.log.info("Install done", { node: install.node, image: install.version.image });
      return noContent();
    }),
    route("GET", nodeEndpoints.authorizedKeys, async (context) => {
      if (installOf(context).install.stage === "done") {
        throw new AppError("unauthorized", "The install is done, and its token void");
      }
      return text(services.authorizedKeys);
    }),
  ];
}

function overOf(context: RouteContext): string {
  return context.url.searchParams.get("over") ?? "";
}

function stageOf(context: RouteContext): ScriptStage {
  const stage = scriptStages.find((one) => one === pathParam(context, "stage"));
  if (stage === undefined) {
    throw new AppError("not-found", "There is no such stage");
  }
  return stage;
}

function secretBytes(bytes: Uint8Array): Response {
  return new Response(Uint8Array.from(bytes), {
    headers: { "content-type": "application/octet-stream", "cache-control": "no-store" },
  });
}

/** A script that cannot be made ends the install: the machine would ask for ever. */
async function scriptOrFailure(
  services: Services,
  programs: InstallPrograms,
  install: Install,
): Promise<string> {
  try {
    return await programs.script(install);
  } catch (error) {
    const failure = toAppError(error);
    services.installs.change(install.id, { kind: "failed", phase: "script", message: failure.message });
    throw failure;
  }
}
