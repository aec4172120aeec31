import { err, ok, type Result } from "../../base/result.ts";

/**
 * A requested name in its one form: `/` between segments, none at the start. Backslashes are taken for slashes, as some firmware
 * writes them; segments that climb or say nothing are refused, not resolved.
 */
export function normaliseName(name: string): Result<string, string> {
  const plain = name
    .replaceAll("\\", "/")
    .replace(/^\/+/, "")
    .replace(/\/{2,}/g, "/");
  if (!/^[\x20-\x7e]{1,255}$/.test(plain)) {
    return err("the name is empty, over 255 characters, or not printable ASCII");
  }
  return plain.split("/").some((segment) => segment === "" || segment === "." || segment === "..")
    ? err("the name has an empty, '.' or '..' segment")
    : ok(plain);
}
