/** Whether files held still while they were read, asked of a client whose tar does not tell: what it lists afterwards must be the same. */
import { toLatin1 } from "../../base/bytes.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { trustedShell } from "../../base/posix-quote.ts";
import { listRemoteTable } from "../remote/list.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import { seenWord } from "./history.ts";
import type { PassInput } from "./pass.ts";
import { listerOf } from "./tool-limits.ts";

/** The client's clock (seconds) before a pass lists it; only where it will be asked for. */
export async function beginning(input: PassInput): Promise<number | undefined> {
  const { session, tools, signal } = input;
  if (tools.busyboxTar !== true || tools.listsWholeSeconds !== true) {
    return undefined;
  }
  const { stdout } = await session.run(
    // A further pass begins in a second of its own.
    input.suspects.size > 0 ? trustedShell("sleep 1; date +%s") : trustedShell("date +%s"),
    signal === undefined ? {} : { signal },
  );
  return Number(toLatin1(stdout).trim());
}

/**
 * Lists the client again and names what is no longer as it was. Where ctimes are whole seconds, what changed in the second of the first
 * listing or later may have changed once more within that second, and counts as moved too.
 */
export async function movedSince(
  input: PassInput,
  pass: { readonly listed: EntryTable; readonly begun: number | undefined },
): Promise<readonly RelPath[]> {
  const { session, plan, selection, signal } = input;
  const { table } = await listRemoteTable(session, {
    root: plan.root,
    prune: plan.prune,
    ...listerOf(input.tools),
    wanted: (path, directory) => !selection.excludes(path, directory),
    ...(signal === undefined ? {} : { signal }),
  });
  const moved: RelPath[] = [];
  for (const before of pass.listed) {
    const now = table.find(before.entry.path);
    const recent = pass.begun !== undefined && before.ctime.seconds >= pass.begun;
    if (now === undefined || recent || seenWord(now) !== seenWord(before)) {
      moved.push(before.entry.path);
    }
  }
  return moved;
}
