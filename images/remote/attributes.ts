/** Finds out which entries of a machine's tree have extended attributes, which a listing does not show. */
import { toLatin1 } from "../../base/bytes.ts";
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import { sh } from "../../base/posix-quote.ts";
import type { ListedEntry } from "../entry.ts";
import { memberNames } from "../tree/tar-tool.ts";
import type { RemoteSession } from "./session.ts";

/** Asks getfattr, which prints `# file: NAME` for those that have any. One that fails on some entries still tells of the others. */
export async function attributedPaths(
  session: RemoteSession,
  options: { readonly root: string; readonly listed: readonly ListedEntry[]; readonly signal?: AbortSignal },
): Promise<ReadonlySet<RelPath>> {
  const running = await session.exec(
    sh`cd ${options.root} && LC_ALL=C xargs -0 -r getfattr -h -m - -- 2>/dev/null`,
    {
      stdin: memberNames(options.listed.map((listed) => listed.entry.path)),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  );
  const paths = new Set<RelPath>();
  let rest = "";
  for await (const chunk of running.stdout) {
    const lines = (rest + toLatin1(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const path = line.startsWith(filePrefix)
        ? parseRelPath(unescapeName(line.slice(filePrefix.length)))
        : undefined;
      if (path?.ok === true) {
        paths.add(path.value);
      }
    }
  }
  await running.exit;
  return paths;
}

const filePrefix = "# file: ";

/** getfattr writes backslash, newline and the like in names as three octal digits. */
function unescapeName(name: string): string {
  return name.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
