/** Copies a tree with the whole engine, by local processes, as a capture does; and rsync as the judge of the result. */
import { execFileSync } from "node:child_process";
import type { RelPath } from "../../base/path-bytes.ts";
import { startShell } from "../../base/process.ts";
import type { FileEntry, ListedEntry } from "../../images/entry.ts";
import { decodeListing } from "../../images/remote/list.ts";
import type { Selection, SyncAction } from "../../images/sync/actions.ts";
import { listCommand } from "../../images/sync/listing.ts";
import { isStreamed, planSync } from "../../images/sync/plan.ts";
import { parseTarMessages } from "../../images/sync/tar-messages.ts";
import { type ApplyResult, applyToTree } from "../../images/tree/apply.ts";
import { scanTree } from "../../images/tree/scan.ts";
import { memberNames, tarCommand } from "../../images/tree/tar-tool.ts";

export const tools = { gnuTar: "1.34", tarXattrs: true, tarAcls: true, tarSelinux: true } as const;

export interface Copied {
  readonly actions: readonly SyncAction[];
  readonly result: ApplyResult;
  readonly entries: readonly FileEntry[];
}

export async function copyTree(
  source: string,
  target: string,
  options: {
    readonly selection?: Selection;
    readonly suspect?: (path: RelPath) => boolean;
    readonly beforeApply?: () => void;
    /** The source is written to meanwhile. */
    readonly live?: boolean;
  } = {},
): Promise<Copied> {
  const listed = options.live === true ? await listLive(source) : await scanTree(source);
  execFileSync("mkdir", ["-p", target]);
  const standing = await scanTree(target);
  const fresh = standing.length <= 1;
  const actions = [
    ...planSync({
      source: listed.map(({ entry }) => entry),
      target: fresh ? [] : standing.map(({ entry }) => entry),
      ...(options.selection === undefined ? {} : { selection: options.selection }),
      options: {
        deleteExtraneous: true,
        recheck: (entry) => options.suspect?.(entry.path) === true,
      },
    }),
  ];
  const paths: RelPath[] = [];
  for (const action of actions) {
    if (action.kind === "write" && isStreamed(action)) {
      paths.push(action.entry.path);
    }
  }
  options.beforeApply?.();
  const reader = startShell(tarCommand({ root: source, tools }), { stdin: memberNames(paths) });
  const entries: FileEntry[] = [];
  const result = await applyToTree({
    root: target,
    actions,
    tar: reader.stdout,
    onEntry: (entry) => entries.push(entry),
    afterStream: async () => parseTarMessages((await reader.exit).stderr),
    durable: false,
  });
  return { actions, result, entries };
}

/** Lists as a client's tree is listed: what vanishes meanwhile is left out. */
async function listLive(source: string): Promise<readonly ListedEntry[]> {
  const running = startShell(listCommand({ root: source }));
  const listed = await decodeListing(running.stdout, { what: "the source" });
  await running.exit;
  return listed;
}

/** What rsync would still do to make `target` the same as `source`. */
export function rsyncFinds(source: string, target: string, extra: readonly string[] = []): string {
  return execFileSync(
    "rsync",
    [
      "-naHAX",
      "--numeric-ids",
      "--delete",
      "--checksum",
      "--itemize-changes",
      ...extra,
      `${source}/`,
      `${target}/`,
    ],
    { encoding: "latin1", maxBuffer: 64 * 1024 * 1024 },
  );
}
