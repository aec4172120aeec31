/** The request to take over a SystemImager server's folder. */
import { isAbsolute } from "node:path";
import { AppError } from "../../base/errors.ts";
import { json, type Route, readJson } from "../api/router.ts";
import { TakeOverRequest } from "../api/schema/image-file.ts";
import type { Services } from "../services.ts";
import { planTakeOver } from "../systemimager/plan.ts";
import { readSystemImager } from "../systemimager/read.ts";
import type { TakeOverParams } from "../workflows/take-over.ts";
import { jobView } from "./jobs.ts";

export function takeOverRoutes(services: Services): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/api/systemimager",
      access: "admin",
      handle: async (context) => {
        const { folder, cluster, images = [], dryRun } = await readJson(context, TakeOverRequest);
        for (const path of [folder, cluster ?? "/"]) {
          if (!isAbsolute(path) || path.includes("\0")) {
            throw new AppError("bad-input", `'${path}' is not an absolute path on the server`);
          }
        }
        const facts = await readSystemImager({
          folder,
          images,
          ...(cluster === undefined ? {} : { cluster }),
        });
        const nodes = services.hosts.list();
        const plan = planTakeOver(facts, {
          images: new Set((await services.store.list()).map(({ image }) => image)),
          nodes: new Set(nodes.map(({ name }) => name)),
          taken: new Set(nodes.flatMap(({ macs, ip }) => [...macs, ...(ip === undefined ? [] : [ip])])),
        });
        if (dryRun === true) {
          return json(plan);
        }
        const params: TakeOverParams = { folder: facts.folder, plan };
        const job = {
          kind: "takeover",
          title: `take over ${facts.folder}`,
          params: { ...params },
          resources: plan.images.map(({ name }) => `image:${name}`),
        } as const;
        return json({ jobs: services.jobs.submit([job]).map(jobView) }, 202);
      },
    },
  ];
}
