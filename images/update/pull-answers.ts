/**
 * What rules in directories and rules on attributes need to know of a node that updates itself. There is nobody to ask later, so the command
 * that lists the node prints it before the listing:
 *
 *     "ingot-answers 1\n"
 *     the files of rules: { name NUL content NUL } … NUL      where the rules look for files
 *     getfattr's lines, a line "."                            where rules are about attributes
 *     lsattr's lines, a line "."                              and the node has lsattr
 */
import { toLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { escapePath, parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import { type ShellText, sh, trustedShell } from "../../base/posix-quote.ts";
import type { ExtendedAttributes } from "../entry.ts";
import { AttributesParser } from "../remote/attributes.ts";
import { namedFiles, ruleFileLimit } from "../remote/rule-files.ts";
import { shellAsset } from "../shell-asset.ts";
import type { ResolvedRule } from "../sync/actions.ts";
import { isAttributeRule } from "../sync/compiled-rule.ts";
import { directoryRuleFiles, type RuleFiles } from "../sync/dir-merge.ts";
import { isDirMerge } from "../sync/filter-rules.ts";
import { FlagsParser, withFlags } from "../sync/flags.ts";
import { findWords, type Prune } from "../sync/listing.ts";
import { type NodeContext, updatePrune } from "./prepare-plan.ts";

/** What the rules ask of a node. */
export interface Needs {
  /** What files of rules are called. */
  readonly names: ReadonlySet<string>;
  readonly attributes: boolean;
  readonly flags: boolean;
}

/** Undefined where a listing is enough. */
export function needsOf(rules: readonly ResolvedRule[], { state }: NodeContext): Needs | undefined {
  const names = directoryRuleFiles(rules);
  const attributes = rules.some(isAttributeRule);
  return attributes || names.size > 0
    ? { names, attributes, flags: attributes && state.tools.flags === true }
    : undefined;
}

/** Where a pull's listing does not descend: what files of rules may say comes before the rules behind them. */
export function pullPrune(node: NodeContext, rules: readonly ResolvedRule[]): readonly Prune[] {
  const first = rules.findIndex(isDirMerge);
  return updatePrune(node, first < 0 ? rules : rules.slice(0, first));
}

const magic = "ingot-answers 1";

/** Shell that prints the answers, to be followed by the command that lists. */
export function answersCommand(
  node: NodeContext,
  { names, attributes, flags, prune }: Needs & { readonly prune: readonly Prune[] },
): ShellText {
  const { root } = node;
  const all = findWords({ root, prune }, trustedShell("-print0"));
  const newline = "*\n*";
  const parts = [
    shellAsset("images/update/client/answers.sh"),
    sh`echo ${magic}`,
    ...(names.size === 0
      ? []
      : [
          sh`(cd ${root} && ${{ raw: namedFiles({ root, prune, names }) }} | ingot_rule_files ${String(ruleFileLimit + 1)})`,
        ]),
    ...(attributes
      ? [sh`(cd ${root} && LC_ALL=C find . ${{ raw: all }}-print0 2>/dev/null | LC_ALL=C ingot_attributes)`]
      : []),
    ...(flags
      ? [
          sh`(cd ${root} && LC_ALL=C find . -path ${newline} -prune -o ${{ raw: all }}-print0 2>/dev/null | LC_ALL=C ingot_flags)`,
        ]
      : []),
  ];
  return `${parts.join("\n")}\n` as ShellText;
}

/** Takes pieces off the beginning of a stream; undefined where there is no such byte within `limit` bytes. */
export interface PieceReader {
  until(byte: number, limit: number): Promise<Uint8Array | undefined>;
}

export interface Answers {
  readonly files: RuleFiles;
  /** Attributes and flags of what has some. */
  readonly attributes: ReadonlyMap<RelPath, ExtendedAttributes>;
}

/** Reads what {@link answersCommand} printed. Throws `conflict` where the node was listed under other rules, `hostile` where it is cut short. */
export async function readAnswers(reader: PieceReader, needs: Needs, host: string): Promise<Answers> {
  const first = await reader.until(newlineByte, 64);
  if (first === undefined || toLatin1(first) !== magic) {
    throw new AppError("conflict", `${host} was listed under other rules than it would be updated under`, {
      hint: "Run si_updateclient again.",
    });
  }
  const files = needs.names.size === 0 ? new Map<RelPath, string>() : await readFiles(reader, host);
  if (!needs.attributes) {
    return { files, attributes: new Map() };
  }
  const parser = new AttributesParser();
  await readLines(reader, { host, limit: attributesLimit, onLine: (line) => parser.write(line) });
  const attributes = new Map(parser.end());
  if (needs.flags) {
    const flags = new FlagsParser(() => true);
    await readLines(reader, {
      host,
      limit: flagsLimit,
      onLine: (line) => {
        flags.write(line);
        return true;
      },
    });
    for (const [path, value] of flags.end()) {
      attributes.set(path, withFlags(attributes.get(path) ?? [], value));
    }
  }
  return { files, attributes };
}

const newlineByte = 10;
const nameLimit = 1024 * 1024;
const filesLimit = 64 * 1024 * 1024;
const attributesLimit = 512 * 1024 * 1024;
/** Only what is immutable or append-only has a line: few files of any machine. */
const flagsLimit = 16 * 1024 * 1024;

async function readFiles(reader: PieceReader, host: string): Promise<RuleFiles> {
  const files = new Map<RelPath, string>();
  let total = 0;
  for (;;) {
    const name = await reader.until(0, nameLimit);
    if (name?.length === 0) {
      return files;
    }
    const path = name === undefined ? undefined : parseRelPath(toLatin1(name));
    const content = await reader.until(0, ruleFileLimit + 2);
    if (path?.ok !== true || content === undefined) {
      throw cut(host);
    }
    total += content.length;
    if (content.length > ruleFileLimit || total > filesLimit) {
      throw new AppError(
        "bad-input",
        `/${escapePath(path.value)} on ${host} is too long for a file of rules`,
      );
    }
    files.set(path.value, toLatin1(content));
  }
}

async function readLines(
  reader: PieceReader,
  {
    host,
    limit,
    onLine,
  }: { readonly host: string; readonly limit: number; readonly onLine: (line: string) => boolean },
): Promise<void> {
  for (let total = 0; ; ) {
    const line = await reader.until(newlineByte, nameLimit);
    total += line?.length ?? 0;
    if (line === undefined || total > limit) {
      throw cut(host);
    }
    const text = toLatin1(line);
    if (text === ".") {
      return;
    }
    if (!onLine(`${text}\n`)) {
      throw cut(host);
    }
  }
}

function cut(host: string): AppError {
  return new AppError("hostile", `What ${host} says of its files is cut short, or longer than it can be`, {
    hint: "Update si_updateclient on the node from this server, and see that its disk is not full.",
  });
}
