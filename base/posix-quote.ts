/**
 * Shell text as a type: {@link ShellText} is the only thing a remote shell, or the runner of local shells, accepts, and the
 * only ways to make it are quoting words here and naming constant text as trusted.
 */
import type { Brand } from "./brand.ts";

/** POSIX shell text (XCU chapter 2). One character per byte where it carries path bytes (latin1). */
export type ShellText = Brand<string, "ShellText">;

/** Quotes one word so that a POSIX shell reads exactly these bytes. Words of safe characters stay as they are. */
export function quoteWord(word: string): ShellText {
  if (word.includes("\0")) {
    throw new TypeError("A shell word cannot hold NUL");
  }
  return (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`) as ShellText;
}

/** A command line from its words, each quoted. */
export function quoteArgv(argv: readonly string[]): ShellText {
  return argv.map(quoteWord).join(" ") as ShellText;
}

/** Marks constant program text, written by us, as shell text. Never pass it anything that holds a run-time value. */
export function trustedShell(text: string): ShellText {
  return text as ShellText;
}

/**
 * Builds shell text from a template: every `${value}` is quoted as one word unless it is ShellText made by this module's
 * other functions, which callers mark by wrapping it in `{ raw }`.
 */
export function sh(
  strings: TemplateStringsArray,
  ...values: (string | number | { readonly raw: ShellText })[]
): ShellText {
  let text = strings[0] ?? "";
  for (const [index, value] of values.entries()) {
    text += typeof value === "object" ? value.raw : quoteWord(String(value));
    text += strings[index + 1] ?? "";
  }
  return text as ShellText;
}
