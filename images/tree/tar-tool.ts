/** GNU tar as reader of trees, here and on clients, and as writer of trees here: Node can neither make devices nor set xattrs. */
import { fromLatin1 } from "../../base/bytes.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { quoteArgv, type ShellText, sh, trustedShell } from "../../base/posix-quote.ts";
import { type LocalProcess, startShell } from "../../base/process.ts";
import type { ToolFacts } from "../capture/facts.ts";
import { tarBefore } from "../capture/tool-limits.ts";

export type TarAbilities = Pick<ToolFacts, "gnuTar" | "busyboxTar" | "tarXattrs" | "tarAcls" | "tarSelinux">;

/** What Debian's tar can: the server's own. */
const localTar: TarAbilities = { gnuTar: "1.34", tarXattrs: true, tarAcls: true, tarSelinux: true };

/** A tar that met a file which became shorter has ended in the middle of a member: code 255 makes xargs end with it. */
const busyboxBatch = trustedShell(
  [
    '{ said=$(tar -c -f - --no-recursion -- "$@" 2>&1 >&3); } 3>&1',
    "code=$?",
    '[ -z "$said" ] || printf "%s\\n" "$said" >&2',
    'case $said in *"short read"*) exit 255 ;; esac',
    "exit $code",
  ].join("\n"),
);

/**
 * Shell command that reads NUL-ended names (as {@link memberNames} writes them) and prints those members as a posix tar, in
 * that order. ACLs and labels travel as plain xattrs, whose bytes hold numbers where --acls would write user names; the
 * patched tars of before 1.27, which cannot choose xattrs, are given --acls and --selinux. Tars of before 1.16 take names as they are and
 * escape what they say by themselves; those of before 1.14 know only GNU's own format. Busybox's reads no list: it makes an archive of
 * each batch of names, one behind the other.
 */
export function tarCommand(options: { readonly root: string; readonly tools: TarAbilities }): ShellText {
  const { tools } = options;
  if (tools.busyboxTar === true) {
    return sh`cd ${options.root} && LC_ALL=C exec xargs -0 -r sh -c ${busyboxBatch} ingot`;
  }
  return sh`cd ${options.root} && LC_ALL=C exec ${{ raw: quoteArgv(createArgv(tools, { blockingFactor: 64, sparse: true })) }}`;
}

/**
 * Shell that prints the member `$f` as an archive of its own. GNU's tar reads the name as those of a list: in words of its command it takes
 * backslashes for escapes. Without `sparse` no holes are looked for, which old tars do by reading the file once more.
 */
export function oneMemberTar(tools: TarAbilities, { sparse }: { readonly sparse: boolean }): ShellText {
  return tools.busyboxTar === true
    ? sh`sh -c ${busyboxBatch} ingot "$f"`
    : sh`printf '%s\\0' "$f" | ${{ raw: quoteArgv(createArgv(tools, { blockingFactor: 32, sparse })) }}`;
}

/** A tar that reads NUL-ended names from its standard input, and writes so many times 512 bytes at once. */
function createArgv(
  tools: TarAbilities,
  { blockingFactor, sparse }: { readonly blockingFactor: number; readonly sparse: boolean },
): readonly string[] {
  return [
    "tar",
    "--create",
    "--file=-",
    ...(tarBefore(tools, 1, 14) ? [] : ["--format=posix", "--pax-option=delete=atime,delete=ctime"]),
    "--numeric-owner",
    ...(sparse ? ["--sparse"] : []),
    ...(tarBefore(tools, 1, 16) ? [] : ["--quoting-style=escape"]),
    ...extendedOptions(tools),
    "--no-recursion",
    `--blocking-factor=${blockingFactor}`,
    "--null",
    ...(tarBefore(tools, 1, 16) ? [] : ["--no-unquote"]),
    "--files-from=-",
  ];
}

/**
 * As {@link tarCommand}, an archive of its own for each name, and on standard error a line for each: the byte 0x1E, then, parted by bars, ctime
 * and inode before the file is read, the clock, and ctime and inode afterwards. A few programs for each name: for some hundred names.
 */
export function guardedTarCommand(options: {
  readonly root: string;
  readonly tools: TarAbilities & Pick<ToolFacts, "lister">;
}): ShellText {
  const { tools } = options;
  const ask =
    tools.lister === "stat"
      ? trustedShell('stat -c "%Z %z %i" "$f"')
      : trustedShell('find "$f" -maxdepth 0 -printf "%C@ %i"');
  const each = sh`code=0
for f do
  before=$(${{ raw: ask }} 2>/dev/null)
  now=$(date +%s.%N)
  ${{ raw: oneMemberTar(tools, { sparse: true }) }} || code=$?
  if [ "$code" = 255 ]; then printf '\\036shortened||\\n' >&2; exit 255; fi
  printf '\\036%s|%s|%s\\n' "$before" "$now" "$(${{ raw: ask }} 2>/dev/null)" >&2
done
exit $code`;
  return sh`cd ${options.root} && LC_ALL=C TZ=UTC0 exec xargs -0 sh -c ${each} ingot`;
}

function extendedOptions(tools: TarAbilities): readonly string[] {
  if (!tools.tarXattrs) {
    return [...(tools.tarAcls ? ["--acls"] : []), ...(tools.tarSelinux ? ["--selinux"] : [])];
  }
  if (tools.gnuTar !== undefined && !tarBefore(tools, 1, 27)) {
    // XFS shows its ACLs a second time under a name of its own, which on another filesystem would mean nothing.
    return ["--xattrs", "--xattrs-include=*", "--xattrs-exclude=trusted.SGI_ACL_*"];
  }
  return ["--xattrs", ...(tools.tarAcls ? ["--acls"] : []), ...(tools.tarSelinux ? ["--selinux"] : [])];
}

/** The names for {@link tarCommand}'s standard input, in batches. The leading `./` keeps names that look like options names. */
export async function* memberNames(paths: Iterable<RelPath>): AsyncGenerator<Uint8Array> {
  let batch = "";
  for (const path of paths) {
    batch += `./${path}\0`;
    if (batch.length > 65536) {
      yield fromLatin1(batch);
      batch = "";
    }
  }
  if (batch !== "") {
    yield fromLatin1(batch);
  }
}

/** Reads members of a local tree as a tar stream. `exit` tells whether all could be read. */
export function readMembers(options: {
  readonly root: string;
  readonly paths: Iterable<RelPath>;
  readonly signal?: AbortSignal;
}): LocalProcess {
  return startShell(tarCommand({ root: options.root, tools: localTar }), {
    stdin: memberNames(options.paths),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

export interface ExtractOptions {
  /** Where the members' names start from: a path, latin1. */
  readonly directory: string;
  readonly tar: AsyncIterable<Uint8Array>;
  /** Set xattrs too. Twice as slow, so only for archives that hold some. */
  readonly extended: boolean;
  readonly signal?: AbortSignal;
}

/** Starts GNU tar unpacking an archive that *we* encoded: names are ours, link texts are taken as they are. */
export function extractTar(options: ExtractOptions): LocalProcess {
  const argv = [
    "tar",
    "--extract",
    "--file=-",
    "--blocking-factor=128",
    "--absolute-names",
    "--numeric-owner",
    "--same-owner",
    "--same-permissions",
    "--quoting-style=escape",
    ...(options.extended ? ["--xattrs", "--xattrs-include=*"] : []),
  ];
  return startShell(sh`cd ${options.directory} && exec ${{ raw: quoteArgv(argv) }}`, {
    stdin: options.tar,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}
