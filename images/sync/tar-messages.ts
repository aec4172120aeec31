/** What GNU tar says on standard error about files that moved while it read them. */
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";

export interface TarMessages {
  /** Changed, shrank or grew while read: the member's content cannot be trusted. */
  readonly torn: readonly RelPath[];
  /** Gone before they were read: no member was sent. */
  readonly vanished: readonly RelPath[];
  /** Everything else, as it was said. */
  readonly other: readonly string[];
}

const tornSigns = [
  /^(.*): file changed as we read it$/s,
  /^(.*): File shrank by \d+ bytes?; padding with zeros$/s,
  /^(.*): Read error at byte \d+, (?:while|reading) .*$/s,
  /^(.*): Cannot (?:read|seek).*$/s,
];

const vanishedSigns = [
  /^(.*): File removed before we read it$/s,
  /^(.*): (?:Warning: )?Cannot (?:stat|open|savedir|readlink): No such file or directory$/s,
  /^(.*): (?:Warning: )?Cannot (?:stat|open): Not a directory$/s,
  // Busybox.
  /^(?:can't open ')?(\.\/.*?)'?: (?:No such file or directory|Not a directory)$/s,
];

/** Parses standard error (latin1) of `tarCommand`, which runs tar with --quoting-style=escape and in the C locale. */
export function parseTarMessages(stderr: string): TarMessages {
  const torn = new Set<RelPath>();
  const vanished = new Set<RelPath>();
  const other: string[] = [];
  for (const line of stderr.split("\n")) {
    if (
      line === "" ||
      /Exiting with failure status due to previous errors$|error exit delayed from previous errors$/.test(
        line,
      )
    ) {
      continue;
    }
    const said = line.replace(/^[^ :]*tar: /, "");
    const tornPath = pathIn(said, tornSigns);
    const vanishedPath = tornPath === undefined ? pathIn(said, vanishedSigns) : undefined;
    if (tornPath !== undefined) {
      torn.add(tornPath);
    } else if (vanishedPath !== undefined) {
      vanished.add(vanishedPath);
    } else {
      other.push(line);
    }
  }
  return { torn: [...torn], vanished: [...vanished], other };
}

function pathIn(said: string, signs: readonly RegExp[]): RelPath | undefined {
  for (const sign of signs) {
    const quoted = sign.exec(said)?.[1];
    const path = quoted === undefined ? undefined : parseRelPath(unquote(quoted));
    if (path?.ok === true) {
      return path.value;
    }
  }
  return undefined;
}

const letters: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** Undoes --quoting-style=escape: C escapes and three octal digits. */
function unquote(text: string): string {
  return text.replace(/\\(?:([0-3][0-7]{2})|(.))/gs, (_all, octal: string | undefined, letter: string) =>
    octal === undefined ? (letters[letter] ?? letter) : String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
