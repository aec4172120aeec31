/** Which shared libraries a set of programs needs, found by reading the programs, so that nothing has to be run or guessed. */

export interface LibraryClosure<T> {
  readonly libraries: readonly T[];
  /** Sonames no candidate answers to, each with the file that asks for it. */
  readonly missing: readonly { readonly soname: string; readonly neededBy: string }[];
}

export interface Linked {
  readonly path: string;
  readonly needed: readonly string[];
}

/**
 * Follows `needed` from `programs` through `candidates`, which are found by their base name (a library's soname is the name
 * of a file or of a symlink beside it: `find` resolves it).
 */
export function closeLibraries<T extends Linked>(
  programs: readonly Linked[],
  find: (soname: string) => T | undefined,
): LibraryClosure<T> {
  const libraries = new Map<string, T>();
  const missing = new Map<string, { readonly soname: string; readonly neededBy: string }>();
  const open: Linked[] = [...programs];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    for (const soname of file.needed) {
      const library = find(soname);
      if (library === undefined) {
        missing.set(soname, { soname, neededBy: file.path });
      } else if (!libraries.has(library.path)) {
        libraries.set(library.path, library);
        open.push(library);
      }
    }
  }
  return { libraries: [...libraries.values()], missing: [...missing.values()] };
}
