import type { PackageRecord } from "./apt-output.ts";

/** Where package files come from. */
export interface PackageSource {
  /**
   * The named packages (`NAME` or `NAME=VERSION`) and, with `closure`, all they depend on, as if nothing were installed.
   * Called a few times per build.
   */
  find(names: readonly string[], options: { readonly closure: boolean }): Promise<readonly PackageRecord[]>;
  /** Fetches what is not there yet, checks every file's SHA-256, and returns their paths in the order asked for. */
  fetch(records: readonly PackageRecord[]): Promise<readonly string[]>;
}
