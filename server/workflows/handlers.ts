import type { JobKind } from "../jobs/job.ts";
import type { JobHandler } from "../jobs/runner.ts";
import type { Services } from "../services.ts";
import { captureHandler, prepareHandler } from "./capture.ts";
import { commitHandler, verifyHandler } from "./commit.ts";
import { deployHandler } from "./deploy.ts";
import { flavorHandler } from "./flavor.ts";
import { exportHandler, importHandler } from "./image-files.ts";
import { copyHandler, moveHandler, rollbackHandler } from "./image-history.ts";
import { takeOverHandler } from "./take-over.ts";
import { updateHandler } from "./update.ts";

/** The work of each kind of job. Services are asked for late: they hold the runner that holds these. */
export function jobHandlers(services: () => Services): Readonly<Record<JobKind, JobHandler>> {
  return {
    prepare: prepareHandler(services),
    capture: captureHandler(services),
    commit: commitHandler(services),
    verify: verifyHandler(services),
    rollback: rollbackHandler(services),
    copy: copyHandler(services),
    move: moveHandler(services),
    import: importHandler(services),
    takeover: takeOverHandler(services),
    export: exportHandler(services),
    deploy: deployHandler(services),
    update: updateHandler(services),
    drift: updateHandler(services),
    flavor: flavorHandler(services),
  };
}
