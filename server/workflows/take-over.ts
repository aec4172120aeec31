/** Takes over what a plan says from a SystemImager server's folder. What fails does not keep the rest from being taken. */
import { AppError, toAppError } from "../../base/errors.ts";
import { collect } from "../../base/result.ts";
import type { TakeOverPlan, TakeOverResult } from "../api/schema/image-file.ts";
import { parseHost } from "../hosts/host.ts";
import type { JobHandler } from "../jobs/runner.ts";
import { imageName, wanted } from "../routes/results.ts";
import type { Services } from "../services.ts";
import { textOf } from "../systemimager/read.ts";

export interface TakeOverParams {
  readonly folder: string;
  readonly plan: TakeOverPlan;
}

export function takeOverHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress, message: tell }) => {
      const { folder, plan } = job.params as unknown as TakeOverParams;
      const { store, versions, installFiles, hosts } = services();
      const result: TakeOverResult = {
        images: [],
        overrides: [],
        scripts: [],
        nodes: [],
        notes: [...plan.notes],
        failures: [],
      };
      const attempt = async (what: string, work: () => Promise<void> | void): Promise<void> => {
        signal.throwIfAborted();
        try {
          await work();
        } catch (error) {
          const { code, message } = toAppError(error, "internal");
          if (code === "cancelled" || signal.aborted) {
            throw error;
          }
          result.failures.push(`${what}: ${message}`);
          tell("error", `${what}: ${message}`);
        }
      };
      for (const { name, message, host, layout } of plan.images) {
        await attempt(`image ${name}`, async () => {
          const layoutText = layout === undefined ? undefined : await textOf(`${folder}/${layout}`);
          if (layout !== undefined && layoutText === undefined) {
            result.notes.push(
              `${layout}: not taken, because it is a link; ${name} keeps the layout that it has`,
            );
          }
          const { manifest } = await store.importImage(
            imageName(name),
            { kind: "folder", folder: `${folder}/images/${name}` },
            {
              message,
              onProgress: (at) => progress({ ...at, message: name }),
              signal,
              ...(host === undefined ? {} : { source: { host } }),
              ...(layoutText === undefined ? {} : { layoutText }),
            },
          );
          versions.record(manifest);
          const { entries: files, bytes } = manifest.totals;
          result.images.push({ image: name, version: manifest.number, files, bytes });
        });
      }
      for (const name of plan.overrides) {
        progress({ phase: "overrides", message: name });
        await attempt(`overrides/${name}`, async () => {
          if (await installFiles.addOverride(name, `${folder}/overrides/${name}`, { signal })) {
            result.overrides.push(name);
          } else {
            result.notes.push(`overrides/${name}: left as it is, because Ingot has one of that name`);
          }
        });
      }
      for (const script of plan.scripts) {
        const { stage, name } = script;
        await attempt(`scripts/${stage}/${name}`, async () => {
          if (await installFiles.addScript(stage, name, `${folder}/scripts/${stage}/${name}`)) {
            result.scripts.push(script);
          } else {
            result.notes.push(`scripts/${stage}/${name}: left as it is, because Ingot has one of that name`);
          }
        });
      }
      await attempt("nodes", () => {
        hosts.add(wanted(collect(plan.nodes.map(parseHost))));
        result.nodes.push(...plan.nodes.map(({ name }) => name));
      });
      if (result.failures.length > 0 && result.images.length === 0 && result.nodes.length === 0) {
        throw new AppError("refused", `Nothing was taken: ${result.failures.join("; ")}`);
      }
      return result;
    },
  };
}
