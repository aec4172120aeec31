/**
 * A machine with GNU's tools as they were in 2005 (findutils 4.1.20, tar 1.15.1, coreutils 5.2.1): today's, behind scripts that refuse what
 * those refused, in their words, and print what those printed. What stands here was recorded of their manuals and sources' change logs:
 *
 * - find: `%T@` and `%C@` are whole seconds; `-exec … {} +` came with 4.2.12
 * - tar: no --xattrs, --acls, --selinux; --quoting-style and --no-unquote came with 1.16, and so did sparse files of format 1.0
 * - stat --printf, mv -t and -T came with 5.3.0; touch -h with 8.1, `-d @SECONDS` with 5.3.0; rm --one-file-system with 6.7;
 *   cp --reflink with 7.5, --attributes-only with 8.6; sha256sum with 6.0
 * - getfattr, setfattr, lsattr and the like are packages of their own, and unshare is not there yet
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { RemoteSession } from "../../images/remote/session.ts";
import { localSession } from "../fakes/remote.ts";

const refuse = (words: string, message: string) =>
  `for word; do case $word in ${words}) echo "\${0##*/}: ${message.replace("%", "$word")}" >&2; exit 1 ;; esac; done`;

const scripts: Readonly<Record<string, string>> = {
  find: String.raw`last=; for word; do
  if [ "$word" = + ] && [ "$last" = '{}' ]; then echo "find: missing argument to \`-exec'" >&2; exit 1; fi
  last=$word
done
count=$#
while [ "$count" -gt 0 ]; do
  word=$(printf '%sx' "$1" | sed 's/%T@/%Ts/g; s/%C@/%Cs/g'); shift; count=$((count - 1))
  set -- "$@" "${"$"}{word%x}"
done
exec /usr/bin/find "$@"`,
  tar: `[ "$1" != --version ] || { echo 'tar (GNU tar) 1.15.1'; exit; }
${refuse("--xattrs*|--acls*|--selinux*|--quoting-style*|--no-unquote", "unrecognized option \\`%'")}
exec /usr/bin/tar "$@"`,
  stat: `${refuse("--printf*", "unrecognized option \\`%'")}\nexec /usr/bin/stat "$@"`,
  touch: `${refuse("-h|-ch|-hc", "invalid option -- h")}\n${refuse("@*", "invalid date format \\`%'")}\nexec /usr/bin/touch "$@"`,
  mv: `${refuse("-T|-t", "invalid option -- %")}\nexec /usr/bin/mv "$@"`,
  rm: `${refuse("--one-file-system", "unrecognized option \\`%'")}\nexec /usr/bin/rm "$@"`,
  cp: `[ "$1" != --help ] || exit 0\n${refuse("--reflink*|--attributes-only", "unrecognized option \\`%'")}\nexec /usr/bin/cp "$@"`,
};

const missing = [
  "getfattr",
  "setfattr",
  "getfacl",
  "setfacl",
  "lsattr",
  "chattr",
  "sha256sum",
  "perl",
  "unshare",
  "zstd",
];

/** A session whose commands find these tools alone. */
export function oldToolsSession(folder: string): RemoteSession {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(scripts)) {
    const file = path.join(folder, name);
    writeFileSync(file, `#!/bin/sh\n${text}\n`);
    chmodSync(file, 0o755);
  }
  const session = localSession();
  // Those that stand there already stay.
  const shell = `cd '${folder}' && ln -s /usr/bin/* /usr/sbin/* . 2>/dev/null; rm -f ${missing.join(" ")}`;
  const ready = session.run(shell as never);
  const limited = (command: string) =>
    `PATH='${folder}'; export PATH\n${command.replaceAll("PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin", ":")}` as never;
  return {
    ...session,
    async exec(command, options) {
      await ready;
      return await session.exec(limited(command), options);
    },
    async run(command, options) {
      await ready;
      return await session.run(limited(command), options);
    },
  };
}
