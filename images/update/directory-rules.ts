/** Rules out of files in directories: the version's decide what is sent, the node's own what stays there. */
import { toLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { baseName, type RelPath } from "../../base/path-bytes.ts";
import type { VersionId } from "../manifest.ts";
import { readRuleFiles, ruleFileLimit } from "../remote/rule-files.ts";
import type { VersionReader } from "../store/store.ts";
import type { VersionTable } from "../store/version-table.ts";
import type { ResolvedRule } from "../sync/actions.ts";
import { directoryRuleFiles, type RuleFiles, withDirectoryRules } from "../sync/dir-merge.ts";
import { isDirMerge } from "../sync/filter-rules.ts";
import { readNamedFiles } from "../sync/rule-file-names.ts";
import { type NodeContext, updatePrune } from "./prepare-plan.ts";
import type { UpdateRequest } from "./request.ts";

/** The rules with what such files hold in the place of those that look for them. */
export async function directoryRules(
  request: Pick<UpdateRequest, "session" | "signal"> & { readonly store: VersionReader },
  input: {
    readonly node: NodeContext;
    readonly rules: readonly ResolvedRule[];
    readonly version: VersionId;
    readonly reading: Promise<VersionTable>;
  },
): Promise<readonly ResolvedRule[]> {
  const { node, rules } = input;
  const names = directoryRuleFiles(rules);
  if (names.size === 0) {
    return rules;
  }
  const source = await readNamedFiles(names, (some) =>
    filesOfVersion(request.store, { ...input, names: some }),
  );
  const target = await readNamedFiles(names, (some) =>
    readRuleFiles(request.session, {
      root: node.root,
      tools: node.state.tools,
      names: some,
      prune: updatePrune(node, rules.slice(0, rules.findIndex(isDirMerge))),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    }),
  );
  const resolved = withDirectoryRules(rules, { source, target });
  if (!resolved.ok) {
    throw new AppError("bad-input", `Rule at ${resolved.error.origin}: ${resolved.error.message}`);
  }
  return resolved.value;
}

/** The files of those names in a version. */
export async function filesOfVersion(
  store: VersionReader,
  input: {
    readonly version: VersionId;
    readonly reading: Promise<VersionTable>;
    readonly names: ReadonlySet<string>;
  },
): Promise<RuleFiles> {
  const { table } = await input.reading;
  const files = new Map<RelPath, string>();
  for (let place = 0; place < table.length; place++) {
    const path = table.rows.pathAt(table.rowAt(place));
    if (!input.names.has(baseName(path))) {
      continue;
    }
    const entry = table.entryAt(place);
    if (entry.kind === "file" || entry.kind === "hardlink") {
      const content = entry.kind === "hardlink" ? entry.target : path;
      files.set(path, toLatin1(await store.readFile(input.version, content, { limit: ruleFileLimit })));
    }
  }
  return files;
}
