/**
 * Matches text against a glob in time that is bounded by the product of their lengths, whatever the pattern: a regular
 * expression would try every way to share the text among many stars, and patterns come from machines that may mean harm.
 */

export type Token =
  /** One character. */
  | { readonly kind: "one"; readonly admits: (character: string) => boolean }
  /** Any text without a slash. */
  | { readonly kind: "any-name" }
  /** Any text. */
  | { readonly kind: "any-text" };

/**
 * True where the whole text matches. Two places to go back to are enough: when a part fails, only the last star before it can
 * take a character more, because an earlier one of the same kind could not reach further than that one does; and where a
 * star of names meets a slash, only the last star of any text can go on.
 */
export function matchGlob(tokens: readonly Token[], text: string): boolean {
  let token = 0;
  let at = 0;
  let name: { token: number; at: number } | undefined;
  let any: { token: number; at: number } | undefined;
  for (;;) {
    const current = tokens[token];
    if (current?.kind === "any-text") {
      token += 1;
      any = { token, at };
      name = undefined;
    } else if (current?.kind === "any-name") {
      token += 1;
      name = { token, at };
    } else if (current === undefined && at === text.length) {
      return true;
    } else if (current !== undefined && at < text.length && current.admits(text.charAt(at))) {
      token += 1;
      at += 1;
    } else if (name !== undefined && name.at < text.length && text[name.at] !== "/") {
      name.at += 1;
      ({ token, at } = name);
    } else if (any !== undefined && any.at < text.length) {
      any.at += 1;
      ({ token, at } = any);
      name = undefined;
    } else {
      return false;
    }
  }
}
