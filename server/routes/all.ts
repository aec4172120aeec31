/** Which routes are served where. */
import type { Route } from "../api/router.ts";
import { clientRoutes } from "../client/routes.ts";
import { consoleRoutes } from "../console/routes.ts";
import { ramdiskRoutes } from "../node/ramdisk.ts";
import { type InstallPrograms, nodeInstallRoutes } from "../node/routes.ts";
import type { Services } from "../services.ts";
import { discoveryRoutes } from "./discovery.ts";
import { imageDiffRoutes } from "./image-diff.ts";
import { imageFileRoutes } from "./image-files.ts";
import { imageHistoryRoutes } from "./image-history.ts";
import { imageRoutes } from "./images.ts";
import { jobRoutes } from "./jobs.ts";
import { nodeRoutes } from "./nodes.ts";
import { otherRoutes } from "./others.ts";
import { overrideRoutes } from "./overrides.ts";
import { takeOverRoutes } from "./take-over.ts";
import { workRoutes } from "./work.ts";

/** For machines on the network: installs and client commands. */
export function machineRoutes(services: Services, programs: InstallPrograms): readonly Route[] {
  return [...nodeInstallRoutes(services, programs), ...ramdiskRoutes(services), ...clientRoutes(services)];
}

/** For administrators. */
export function adminRoutes(services: Services): readonly Route[] {
  return [
    ...otherRoutes(services),
    ...nodeRoutes(services),
    ...discoveryRoutes(services),
    ...imageRoutes(services),
    ...imageDiffRoutes(services),
    ...imageHistoryRoutes(services),
    ...imageFileRoutes(services),
    ...takeOverRoutes(services),
    ...jobRoutes(services),
    ...workRoutes(services),
    ...overrideRoutes(services),
    ...consoleRoutes(),
  ];
}
