/** True where `pattern`, in which `*` stands for any characters but `/`, `**` for any at all and `?` for one, matches the whole path. */
export function matchesPath(path: string, pattern: string): boolean {
  const source = pattern.replace(/\*\*|\*|\?|[.+^${}()|[\]\\]/g, (token) =>
    token === "**" ? ".*" : token === "*" ? "[^/]*" : token === "?" ? "[^/]" : `\\${token}`,
  );
  return new RegExp(`^${source}$`, "s").test(path);
}
