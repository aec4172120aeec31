/** `image import --systemimager`: what a SystemImager server had, as Ingot has it. */
import { formatByteSize } from "../../../base/quantity.ts";
import { TakeOverPlan, TakeOverResult } from "../../api/schema/image-file.ts";
import type { CommandContext } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { withCommas } from "../output.ts";
import { given, printJson, runJobs } from "./started.ts";

export async function takeOver(
  context: CommandContext,
  request: {
    readonly folder: string;
    readonly cluster: string | undefined;
    readonly images: readonly string[];
  },
): Promise<number> {
  const body = given({ ...request, dryRun: context.args.flag("dry-run") });
  if (context.args.flag("dry-run")) {
    showPlan(context, TakeOverPlan.parse(await context.api().call("POST", "/api/systemimager", body)));
    return 0;
  }
  const [job] = await runJobs(context, "/api/systemimager", { body, onInterrupt: "cancel" });
  const result = TakeOverResult.parse(job?.result);
  if (context.args.json) {
    printJson(context, result);
  } else {
    for (const { image, version, files, bytes } of result.images) {
      context.env.stdout.write(
        `${image}@${version}: ${withCommas(files)} entries, ${formatByteSize(bytes)}\n`,
      );
    }
    writeRest(context, { ...result, taken: result.nodes });
    context.env.stderr.write(result.failures.map((failure) => `failed: ${failure}\n`).join(""));
  }
  return result.failures.length === 0 ? 0 : exitCodes.io;
}

function showPlan(context: CommandContext, plan: TakeOverPlan): void {
  if (context.args.json) {
    printJson(context, plan);
    return;
  }
  for (const { name, message } of plan.images) {
    context.env.stdout.write(`would import image ${name}: ${message}\n`);
  }
  const nodes = plan.nodes.map(({ name, macs, ip, groups }) =>
    [name, ...macs, ...(ip === undefined ? [] : [ip]), ...groups.map((group) => `@${group}`)].join(" "),
  );
  writeRest(context, { ...plan, taken: nodes });
}

function writeRest(
  context: CommandContext,
  what: {
    readonly overrides: readonly string[];
    readonly scripts: TakeOverPlan["scripts"];
    readonly taken: readonly string[];
    readonly notes: readonly string[];
  },
): void {
  const lines = [
    ...what.overrides.map((name) => `overrides/${name}`),
    ...what.scripts.map(({ stage, name }) => `scripts/${stage}/${name}`),
    ...what.taken.map((node) => `node ${node}`),
  ];
  context.env.stdout.write(lines.map((line) => `${line}\n`).join(""));
  context.env.stderr.write(what.notes.map((note) => `note: ${note}\n`).join(""));
}
