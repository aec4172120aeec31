/** What of a machine a capture takes: decided from facts and rules alone. */
import { AppError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { ResolvedRule } from "../sync/actions.ts";
import { type RuleFiles, withDirectoryRules } from "../sync/dir-merge.ts";
import { capturePrune } from "../sync/exclude.ts";
import { isDirMerge } from "../sync/filter-rules.ts";
import type { Prune } from "../sync/listing.ts";
import { defaultProfiles } from "../sync/profiles.ts";
import type { FilesystemFacts, GoldenFacts, MountFacts } from "./facts.ts";
import { mountsBelow, showPath } from "./mounts.ts";
import type { RuleSources } from "./request.ts";
import { joinRules } from "./rules.ts";
import { lostInCapture, missingTools } from "./tool-limits.ts";

export interface CapturePlan {
  readonly root: string;
  readonly captured: readonly MountFacts[];
  readonly leftOut: readonly MountFacts[];
  readonly rules: readonly ResolvedRule[];
  /** Where the listing does not descend: mounts that are left out (their directory stays) and what the rules exclude. */
  readonly prune: readonly Prune[];
  /** Of those, the mounts that are left out. */
  readonly mountPrune: readonly Prune[];
  /** Used bytes and inodes of the captured filesystems: upper bounds. */
  readonly bytes: number;
  readonly entries: number;
  readonly warnings: readonly string[];
}

export interface CaptureRefusal {
  readonly code: "bad-input" | "refused" | "missing-tool";
  readonly message: string;
  readonly hint: string;
}

/** Plans a capture of `root` on the machine that `facts` describe, or says why it cannot be. */
export function planCapture(
  facts: GoldenFacts,
  options: RuleSources & { readonly host: string; readonly root?: string; readonly oneFileSystem?: boolean },
): Result<CapturePlan, CaptureRefusal> {
  const refusal = refuse(facts, options.host);
  if (refusal !== undefined) {
    return err(refusal);
  }
  const rules = joinRules(options, defaultProfiles.capture);
  if (!rules.ok) {
    return err({
      code: "bad-input",
      message: `Cannot capture ${options.host}: ${rules.error}`,
      hint: "Name a profile that exists.",
    });
  }
  const root = options.root ?? "/";
  const mounts = mountsBelow(facts.mounts, root);
  const isCaptured = ({ path, mount }: (typeof mounts)[number]) =>
    path === "" || (mount.kind === "local" && options.oneFileSystem !== true);
  const captured = mounts.filter(isCaptured);
  const leftOut = mounts.filter((each) => !isCaptured(each));
  const mountPrune = leftOut.map(({ path }) => ({ path, keep: "directory" as const }));
  const used = captured.flatMap(({ mount }) => filesystemAt(facts, mount) ?? []);
  return ok({
    root,
    captured: captured.map(({ mount }) => mount),
    leftOut: leftOut.map(({ mount }) => mount),
    rules: rules.value,
    prune: [...mountPrune, ...capturePrune(rules.value)],
    mountPrune,
    bytes: used.reduce((sum, filesystem) => sum + (filesystem.used ?? 0), 0),
    entries: used.reduce((sum, filesystem) => sum + (filesystem.entries ?? 0), 0),
    warnings: [
      ...lostInCapture(facts.tools),
      ...captured.flatMap(({ path, mount }) =>
        leftOut.some((out) => path.startsWith(`${out.path}/`))
          ? [`${showPath(mount.mountPoint)} lies below a mount that is left out, so it is left out too`]
          : [],
      ),
    ],
  });
}

/** Where to look for files of rules in directories: all but what no such file can bring back. */
export function ruleFilePrune(plan: CapturePlan): readonly Prune[] {
  const before = plan.rules.slice(0, plan.rules.findIndex(isDirMerge));
  return [...plan.mountPrune, ...capturePrune(before)];
}

/** The plan with the rules that the client's own files in directories hold. */
export function withRuleFiles(plan: CapturePlan, files: RuleFiles): CapturePlan {
  const rules = withDirectoryRules(plan.rules, { source: files });
  if (!rules.ok) {
    throw new AppError("bad-input", `Rule at ${rules.error.origin}: ${rules.error.message}`);
  }
  return { ...plan, rules: rules.value, prune: [...plan.mountPrune, ...capturePrune(rules.value)] };
}

function filesystemAt(facts: GoldenFacts, mount: MountFacts): FilesystemFacts | undefined {
  return facts.filesystems.find((each) => each.mountPoint === mount.mountPoint);
}

function refuse(facts: GoldenFacts, host: string): CaptureRefusal | undefined {
  if (!facts.root) {
    return {
      code: "refused",
      message: `Cannot capture ${host}: the SSH user is not root and could not read everything`,
      hint: "Connect as root, or as a user who may use sudo without a password.",
    };
  }
  const missing = missingTools(facts.tools);
  return missing.length === 0
    ? undefined
    : {
        code: "missing-tool",
        message: `Cannot work on ${host}: it has no ${missing.join(" and no ")}`,
        hint: installHint(facts),
      };
}

/** How to get the GNU tools where busybox or BSD ones are. */
function installHint(facts: GoldenFacts): string {
  const family = `${facts.os.id} ${facts.os.idLike ?? ""}`;
  const command = /debian|ubuntu/.test(family)
    ? "apt-get install findutils tar"
    : /suse|sles/.test(family)
      ? "zypper install findutils tar"
      : /alpine/.test(family)
        ? "apk add findutils tar coreutils"
        : /arch/.test(family)
          ? "pacman -S findutils tar"
          : "yum install findutils tar";
  return `On that machine: ${command}.`;
}
