/** Deploying a version on a node: arm it, follow the machine's own reports, and end as the install ends. */
import { AppError } from "../../base/errors.ts";
import { duration } from "../../base/quantity.ts";
import { formatVersion, type ImageName } from "../../images/manifest.ts";
import type { DeployResult } from "../api/schema/node.ts";
import type { HostName } from "../hosts/host.ts";
import { type Install, overdue } from "../installs/install.ts";
import type { JobContext, JobHandler } from "../jobs/runner.ts";
import type { Services } from "../services.ts";

export interface DeployParams {
  readonly node: string;
  readonly image: string;
  readonly version: number;
  readonly flavor: string;
  readonly kernelArguments?: string;
  readonly disks?: readonly string[];
  readonly wipe?: boolean;
  readonly armTime: number;
}

/** How often the clock is looked at while a machine is silent. */
const lookInterval = duration(5000);

export function deployHandler(services: () => Services): JobHandler {
  return {
    // The machine goes on installing while the daemon restarts; its reports then find the job again.
    resumes: true,
    run: async (context) => {
      const params = context.job.params as unknown as DeployParams;
      let install = armed(services(), params, context);
      for (;;) {
        tell(context, install);
        const over = ending(install);
        if (over !== undefined) {
          return over;
        }
        const late = overdue(install, services().clock.now(), { silence: services().settings.installTime });
        if (late !== undefined) {
          install = services().installs.change(install.id, {
            kind: install.stage === "armed" ? "expired" : "failed",
            message: late,
          });
          continue;
        }
        install = await services().installs.changed(install, {
          signal: context.signal,
          atMost: lookInterval,
        });
        stopIfAsked(services(), install, context.signal);
      }
    },
  };
}

/** Arms the node, or finds the install that this job armed before the daemon was restarted. */
function armed(services: Services, params: DeployParams, context: JobContext): Install {
  const node = params.node as HostName;
  const earlier = services.installs.latest(node);
  if (earlier?.job === context.job.id) {
    return earlier;
  }
  const install = services.installs.arm({
    node,
    version: { image: params.image as ImageName, number: params.version },
    flavor: params.flavor,
    job: context.job.id,
    expiresAt: services.clock.now() + params.armTime,
    ...(params.kernelArguments === undefined ? {} : { kernelArguments: params.kernelArguments }),
    ...(params.disks === undefined ? {} : { disks: params.disks }),
    ...(params.wipe === true ? { wipe: true } : {}),
  });
  context.message(
    "info",
    `Node ${node} is armed for ${formatVersion(install.version)}: let it boot from the network`,
  );
  return install;
}

function tell(context: JobContext, install: Install): void {
  if (install.stage === "armed" && install.phase === undefined) {
    context.progress({
      phase: "armed",
      percent: 0,
      message: "waiting for the machine to boot from the network",
    });
    return;
  }
  context.progress({
    phase: install.phase ?? install.stage,
    percent: install.percent ?? 0,
    ...(install.bytes === undefined ? {} : { bytes: install.bytes }),
    ...(install.message === undefined ? {} : { message: install.message }),
  });
}

/** The job's result where the install is done; throws where it ended otherwise. */
function ending(install: Install): DeployResult | undefined {
  const what = `Install of ${formatVersion(install.version)} on node ${install.node}`;
  switch (install.stage) {
    case "armed":
    case "installing":
      return undefined;
    case "done":
      return { node: install.node, image: install.version.image, version: install.version.number };
    case "cancelled":
      throw new AppError("cancelled", `${what} was cancelled: ${install.message ?? ""}`);
    case "expired":
      throw new AppError("unreachable", `${what} did not start: ${install.message ?? ""}`);
    case "failed":
      throw new AppError(
        "remote-failed",
        `${what} failed in phase ${install.phase ?? "boot"}: ${install.message ?? ""}`,
        {
          hint: `ingot node show ${install.node} --log shows what the machine said; it waits for a look over SSH`,
        },
      );
    default:
      return install.stage satisfies never;
  }
}

/** A cancelled job disarms its node; a daemon that stops leaves the arming for its successor. */
function stopIfAsked(services: Services, install: Install, signal: AbortSignal): void {
  if (!signal.aborted) {
    return;
  }
  const reason: unknown = signal.reason;
  if (reason instanceof AppError && reason.code === "cancelled") {
    services.installs.change(install.id, { kind: "cancelled", message: "the job was cancelled" });
  }
  throw reason;
}
