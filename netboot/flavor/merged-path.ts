import type { RelPath } from "../../base/path-bytes.ts";

const mergedFolder = /^(bin|sbin|lib|lib32|lib64|libx32)(?=\/|$)/;

/** Where a packaged path lies on a system whose `/bin`, `/sbin` and `/lib*` are links into `/usr`. */
export function mergedPath(path: RelPath): RelPath {
  return path.replace(mergedFolder, "usr/$1") as RelPath;
}
