/** One install of one node: armed, claimed by its token, followed by its reports, over. A pure life. */
import type { InstallPhase, InstallReport } from "../../autoinstall/install/protocol.ts";
import type { VersionId } from "../../images/manifest.ts";
import type { HostName } from "../hosts/host.ts";

/** armed: may netboot the installer; installing: its token is claimed; the rest: over. */
export type InstallStage = "armed" | "installing" | "done" | "failed" | "expired" | "cancelled";

export interface InstallSpec {
  readonly node: HostName;
  readonly version: VersionId;
  readonly flavor: string;
  readonly kernelArguments?: string;
  /** Disks to install onto, in the layout's order: device nodes, or conditions. */
  readonly disks?: readonly string[];
  /** True where whatever the disks hold may go. */
  readonly wipe?: boolean;
  readonly job?: number;
  /** When an arming that nobody claimed ends. */
  readonly expiresAt: number;
}

export interface Install extends InstallSpec {
  readonly id: number;
  readonly stage: InstallStage;
  readonly armedAt: number;
  readonly claimedAt?: number;
  /** When the machine was last heard of. */
  readonly heardAt?: number;
  readonly endedAt?: number;
  readonly phase?: InstallPhase;
  readonly percent?: number;
  readonly bytes?: number;
  readonly message?: string;
}

export type InstallChange =
  | { readonly kind: "claimed" }
  | { readonly kind: "reported"; readonly report: InstallReport }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly phase?: InstallPhase; readonly message: string }
  | { readonly kind: "expired"; readonly message: string }
  | { readonly kind: "cancelled"; readonly message: string };

export function isInstallOver(install: Install): boolean {
  return install.stage !== "armed" && install.stage !== "installing";
}

/** The install after a change; the same value where the change has no meaning at its stage. */
export function reduceInstall(install: Install, change: InstallChange, now: number): Install {
  if (isInstallOver(install)) {
    return install;
  }
  switch (change.kind) {
    case "claimed":
      return install.stage === "armed"
        ? { ...install, stage: "installing", claimedAt: now, heardAt: now, phase: "script", percent: 0 }
        : install;
    case "reported":
      return reported(install, change.report, now);
    case "done":
      return install.stage === "installing"
        ? { ...install, stage: "done", endedAt: now, heardAt: now, phase: "done", percent: 100 }
        : install;
    case "failed":
      return {
        ...install,
        stage: "failed",
        endedAt: now,
        heardAt: now,
        message: change.message,
        ...(change.phase === undefined ? {} : { phase: change.phase }),
      };
    case "expired":
    case "cancelled":
      return { ...install, stage: change.kind, endedAt: now, message: change.message };
    default:
      return change satisfies never;
  }
}

/** Reports count before the claim too (the ramdisk is up), and percentages never fall. */
function reported(install: Install, report: InstallReport, now: number): Install {
  return {
    ...install,
    heardAt: now,
    phase: report.phase,
    percent: Math.max(install.percent ?? 0, Math.min(99, Math.max(0, Math.round(report.percent)))),
    ...(report.bytes === undefined ? {} : { bytes: report.bytes }),
    ...(report.message === undefined ? {} : { message: report.message }),
  };
}

/** Why an install is over by the clock alone; undefined while it is not. */
export function overdue(
  install: Install,
  now: number,
  options: { readonly silence: number },
): string | undefined {
  if (install.stage === "armed" && now >= install.expiresAt) {
    return `node ${install.node} did not start its install in time: power it on, let it boot from the network, and deploy again`;
  }
  if (install.stage === "installing" && now - (install.heardAt ?? now) >= options.silence) {
    return `node ${install.node} was silent for too long in phase ${install.phase ?? "?"}`;
  }
  return undefined;
}
