/** What an unpacking of laid entries over a written version needs beside them. Pure. */
import { parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { VersionTable } from "../store/version-table.ts";
import { makeSelection } from "../sync/exclude.ts";
import { profileRules } from "../sync/profiles.ts";
import type { LaidTree } from "./lay.ts";

/** What stands where something of another kind is laid, by path: tar would not take it away. */
export function replacedBy(base: VersionTable, tree: LaidTree): readonly RelPath[] {
  const replaced = new Set(tree.gone);
  for (const [path, { entry }] of tree.laid) {
    const standing = base.find(path);
    if (standing !== undefined && (standing.kind === "directory") !== (entry.kind === "directory")) {
      replaced.add(path);
    }
  }
  return [...replaced].sort((a, b) => (a < b ? -1 : 1));
}

/** The version's own directories whose times the unpacking disturbs. */
export function disturbedBy(table: VersionTable, tree: LaidTree): readonly RelPath[] {
  const disturbed = new Set<RelPath>();
  for (const path of [...tree.laid.keys(), ...tree.gone]) {
    const parent = parentPath(path);
    if (!tree.laid.has(parent) && table.find(parent)?.kind === "directory") {
      disturbed.add(parent);
    }
  }
  return [...disturbed].sort((a, b) => (a < b ? -1 : 1));
}

const identity = makeSelection(profileRules("identity"));

/** Whether a file is the machine's identity, as the profile has it. */
export function isIdentity(path: RelPath): boolean {
  return identity.excludes(path, false);
}
