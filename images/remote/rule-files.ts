/** Reads the files of rules that lie in directories of a machine's tree: their names by one command, their contents by another. */
import { readAll } from "../../base/async.ts";
import { toLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { escapePath, parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import { type ShellText, sh, trustedShell } from "../../base/posix-quote.ts";
import type { RuleFiles } from "../sync/dir-merge.ts";
import { findWords, type Prune } from "../sync/listing.ts";
import type { TarEvent } from "../tar/events.ts";
import { readTar } from "../tar/stream.ts";
import { memberNames, type TarAbilities, tarCommand } from "../tree/tar-tool.ts";
import type { RemoteSession } from "./session.ts";

export interface RuleFilesRequest {
  readonly root: string;
  readonly tools: TarAbilities;
  /** What the files are called. */
  readonly names: ReadonlySet<string>;
  readonly prune: readonly Prune[];
  readonly signal?: AbortSignal;
}

/** Of names, and of contents. */
const limit = 64 * 1024 * 1024;
/** Of one file, in bytes. */
export const ruleFileLimit = 256 * 1024;

/** The files by path, latin1. `bad-input` names one over 256 KiB, or over 64 MiB together with those before it. */
export async function readRuleFiles(session: RemoteSession, request: RuleFilesRequest): Promise<RuleFiles> {
  const waiting = request.signal === undefined ? {} : { signal: request.signal };
  const paths = request.names.size === 0 ? [] : await namesOn(session, request);
  if (paths.length === 0) {
    return new Map();
  }
  const { root, tools } = request;
  const running = await session.exec(tarCommand({ root, tools }), { stdin: memberNames(paths), ...waiting });
  const what = `the files of rules on ${session.host}`;
  const contents = new Contents(session.host);
  for await (const events of readTar(running.stdout, { what, concatenated: tools.busyboxTar === true })) {
    for (const event of events) {
      contents.take(event);
    }
  }
  await running.exit;
  return contents.files;
}

class Contents {
  readonly files = new Map<RelPath, string>();
  readonly #host: string;
  #current: RelPath | undefined;
  #total = 0;

  constructor(host: string) {
    this.#host = host;
  }

  take(event: TarEvent): void {
    if (event.kind === "entry") {
      this.#begin(event);
    } else if (event.kind === "data" && this.#current !== undefined) {
      this.#add(this.#current, toLatin1(event.bytes));
    }
  }

  #begin({ entry, sparse }: Extract<TarEvent, { kind: "entry" }>): void {
    this.#current = entry.kind === "file" && sparse === undefined ? entry.path : undefined;
    const text = entry.kind === "hardlink" ? this.files.get(entry.target) : "";
    if (text !== undefined && (entry.kind === "hardlink" || this.#current !== undefined)) {
      this.files.set(entry.path, text);
    }
  }

  #add(path: RelPath, part: string): void {
    this.#total += part.length;
    const text = (this.files.get(path) ?? "") + part;
    if (text.length > ruleFileLimit || this.#total > limit) {
      throw new AppError(
        "bad-input",
        `/${escapePath(path)} on ${this.#host} is too long for a file of rules`,
      );
    }
    this.files.set(path, text);
  }
}

/** Shell that prints the NUL-ended names of such files below the working directory, which is the root. */
export function namedFiles(request: Pick<RuleFilesRequest, "root" | "names" | "prune">): ShellText {
  // True of everything, and known to every find.
  const words = findWords({ root: request.root, prune: request.prune }, trustedShell("-name '*'"));
  const names = [...request.names].map((name) => sh`-name ${name.replaceAll(/[\\*?[]/g, "\\$&")}`);
  return sh`LC_ALL=C find . ${{ raw: words }}-type f '(' ${{ raw: names.join(" -o ") as ShellText }} ')' -print0 2>/dev/null`;
}

async function namesOn(session: RemoteSession, request: RuleFilesRequest): Promise<readonly RelPath[]> {
  const found = await session.exec(
    sh`cd ${request.root} && ${{ raw: namedFiles(request) }}`,
    request.signal === undefined ? {} : { signal: request.signal },
  );
  const listed = await readAll(found.stdout, {
    limit,
    what: `the names of files of rules on ${session.host}`,
  });
  await found.exit;
  return toLatin1(listed)
    .split("\0")
    .flatMap((line) => {
      const path = parseRelPath(line);
      return line !== "" && path.ok ? [path.value] : [];
    });
}
