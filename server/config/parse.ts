/** Configuration text to {@link Config}, or every problem in it with its line and column. The only user of the YAML library. */
import { type Document, isMap, isNode, isScalar, LineCounter, type Node, parseDocument, visit } from "yaml";
import type { z } from "zod";
import { err, ok, type Result } from "../../base/result.ts";
import { Config } from "./schema.ts";

export interface ConfigProblem {
  readonly line: number;
  readonly column: number;
  /** `netboot.interfaces[0].mode: …`, what is wrong and what was expected. */
  readonly message: string;
}

type Path = readonly PropertyKey[];

export function parseConfig(text: string): Result<Config, readonly ConfigProblem[]> {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    strict: true,
    uniqueKeys: true,
    version: "1.2",
  });
  const found: { offset: number; message: string }[] = document.errors.map((error) => ({
    offset: error.pos[0],
    message: error.message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? error.code,
  }));
  if (found.length === 0) {
    const parsed = Config.safeParse(document.contents === null ? {} : toPlain(document), {
      error: (issue) => (issue.input === undefined ? "a value is missing here" : undefined),
    });
    if (parsed.success) {
      return ok(parsed.data);
    }
    for (const issue of parsed.error.issues) {
      found.push(...describe(issue, (path, key) => offsetOf(document.contents, path, key)));
    }
  }
  return err(
    found
      .sort((a, b) => a.offset - b.offset)
      .map(({ offset, message }) => {
        const at = lines.linePos(offset);
        return { line: Math.max(at.line, 1), column: Math.max(at.col, 1), message };
      }),
  );
}

/** Aliases add nothing that a configuration needs and can blow up memory: they are left as null, a wrong type. */
function toPlain(document: Document): unknown {
  visit(document, {
    Alias: (_key, alias) => {
      const nothing = document.createNode(null);
      nothing.range = alias.range ?? null;
      return nothing;
    },
  });
  return document.toJS();
}

function describe(
  issue: z.core.$ZodIssue,
  offset: (path: Path, key: boolean) => number,
): { offset: number; message: string }[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      offset: offset([...issue.path, key], true),
      message: `${pathText([...issue.path, key])}: unknown key`,
    }));
  }
  const where = pathText(issue.path);
  const message = issue.message.replace(/^Invalid (input|option): /, "");
  return [{ offset: offset(issue.path, false), message: where === "" ? message : `${where}: ${message}` }];
}

function pathText(path: Path): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index > 0 ? "." : ""}${String(part)}`))
    .join("");
}

/** The offset of the value at `path` (or of its key); where the path ends early, of the last thing that is there. */
function offsetOf(root: Node | null, path: Path, key: boolean): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const [index, part] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      if (pair === undefined) {
        return offset;
      }
      const last = index === path.length - 1;
      const at = last && key ? pair.key : (pair.value ?? pair.key);
      offset = isNode(at) ? (at.range?.[0] ?? offset) : offset;
      node = pair.value;
      continue;
    }
    const item: unknown = hasItems(node) && typeof part === "number" ? node.items[part] : undefined;
    if (!isNode(item)) {
      return offset;
    }
    offset = item.range?.[0] ?? offset;
    node = item;
  }
  return offset;
}

function hasItems(node: unknown): node is { readonly items: readonly unknown[] } {
  return typeof node === "object" && node !== null && "items" in node && Array.isArray(node.items);
}
