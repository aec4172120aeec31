/** Reads which entries of a machine's tree are immutable or append-only. Neither a listing nor tar shows it. */
import { toLatin1 } from "../../base/bytes.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { sh } from "../../base/posix-quote.ts";
import { askable, FlagsParser } from "../sync/flags.ts";
import { memberNames } from "../tree/tar-tool.ts";
import type { RemoteSession } from "./session.ts";

/** `i`, `a` or `ai` by path; what has neither, and what cannot, is not in it. */
export async function readFlags(
  session: RemoteSession,
  request: {
    /** Absolute, on the machine. */
    readonly root: string;
    readonly paths: Iterable<RelPath>;
    /** Whether a path is one of them. */
    readonly isAsked: (path: RelPath) => boolean;
    readonly signal?: AbortSignal;
  },
): Promise<ReadonlyMap<RelPath, string>> {
  const running = await session.exec(
    sh`cd ${request.root} && LC_ALL=C xargs -0 -r lsattr -d -- 2>/dev/null | grep '^[^ ]*[ai][^ ]* '`,
    {
      stdin: memberNames(askable(request.paths)),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    },
  );
  const parser = new FlagsParser(request.isAsked);
  for await (const chunk of running.stdout) {
    parser.write(toLatin1(chunk));
  }
  // Grep that finds nothing is the usual case.
  await running.exit;
  return parser.end();
}
