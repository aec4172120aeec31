import type { FlavorRequest } from "../api/schema.ts";
import type { JobHandler } from "../jobs/runner.ts";
import { flavorView } from "../routes/others.ts";
import type { Services } from "../services.ts";

export function flavorHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress, log }) => {
      const { name } = job.params as FlavorRequest;
      return flavorView(await services().flavors.build(name, { onProgress: progress, signal, log }));
    },
  };
}
