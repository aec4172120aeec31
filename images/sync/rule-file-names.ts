/** Which files of rules a tree has to be asked for: those that a list looks for, and those that these name in turn. */
import type { RelPath } from "../../base/path-bytes.ts";
import type { RuleFiles } from "./dir-merge.ts";
import { parseDirMerge } from "./filter-rules.ts";

/** How far files may name others that name others. */
const deepestNaming = 8;

/** Reads files of rules, and those that they name in turn; `read` has those of some names. */
export async function readNamedFiles(
  names: ReadonlySet<string>,
  read: (names: ReadonlySet<string>) => Promise<RuleFiles>,
): Promise<RuleFiles> {
  const known = new Set(names);
  const files = new Map(await read(names));
  for (let next = namedIn(files.values(), known), round = 1; next.size > 0; round++) {
    for (const name of next) {
      known.add(name);
    }
    const more = round > deepestNaming ? new Map<RelPath, string>() : await read(next);
    for (const [path, text] of more) {
      files.set(path, text);
    }
    next = namedIn(more.values(), known);
  }
  return files;
}

function namedIn(texts: Iterable<string>, known: ReadonlySet<string>): ReadonlySet<string> {
  const names = new Set<string>();
  for (const text of texts) {
    for (const line of text.split(/\s*[\n\r]\s*/)) {
      const merge = parseDirMerge(line);
      for (const rule of merge?.ok === true ? merge.value : []) {
        const name = rule.startsWith(":") ? rule.slice(rule.indexOf(" ") + 1) : "";
        if (name !== "" && !known.has(name)) {
          names.add(name);
        }
      }
    }
  }
  return names;
}
