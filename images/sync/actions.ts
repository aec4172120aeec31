/** What a plan is made of: the value that `--dry-run` and `drift` print and that an executor carries out. */
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";

/** What differs between source and target, named as rsync's --itemize-changes would. */
export type Change =
  | "missing" // not on the target
  | "type" // another kind of entry stands there
  | "content" // digest or, where none is known, size or mtime differ
  | "mtime"
  | "mode"
  | "owner"
  | "group"
  | "link-target" // a symlink's text
  | "hard-links" // names that should share an inode do not, or share it with others
  | "device-number"
  | "extended"; // xattrs, ACLs, capabilities, labels

export type SyncAction =
  /** Make or replace the entry: its content (if it has any) is in the stream. */
  | { readonly kind: "write"; readonly entry: FileEntry; readonly changes: readonly Change[] }
  /** The content stands; owner, mode, times are set. */
  | { readonly kind: "metadata"; readonly entry: FileEntry; readonly changes: readonly Change[] }
  /** Remove what the source does not have. A directory is removed only if nothing excluded is left in it. */
  | { readonly kind: "delete"; readonly path: RelPath; readonly directory: boolean };

/** A filter rule after resolution, with where it came from. */
export interface ResolvedRule {
  /** The rule as rsync's filter syntax writes it, kind and modifiers in short: `- /proc/*`, `+ /var/lib/nfs/statd/sm`, `P /srv`, `-!p *.o`. */
  readonly text: string;
  /** `profile:pseudo`, `/etc/systemimager/updateclient.local.exclude:12`, `--exclude`. */
  readonly origin: string;
  /** Why the rule is there, for rules of profiles. */
  readonly reason?: string;
  /** For a rule out of a file of rules that lies in a directory: where it counts. */
  readonly scope?: RuleScope;
}

/** The part of a tree that a rule counts in. */
export interface RuleScope {
  /** What lies below this directory, not the directory itself. */
  readonly below: RelPath;
  /** Just what lies in the directory, nothing deeper. */
  readonly childrenOnly?: boolean;
  /** Not what lies below these: their own files begin anew. */
  readonly except?: readonly RelPath[];
}

/** Decides by rsync's rules which entries an operation touches. First matching rule wins; no match means included. */
export interface Selection {
  readonly rules: readonly ResolvedRule[];
  /** True where some rule means one side of a transfer only, or not the same for both. */
  readonly oneSided: boolean;
  /** The verdict on one path; parents of `path` are taken as already included. */
  decide(path: RelPath, directory: boolean): { readonly excluded: boolean; readonly rule?: ResolvedRule };
  /** As `decide`, but an excluded parent directory excludes what is below it, as rsync's traversal does. */
  excludes(path: RelPath, directory: boolean): boolean;
  /**
   * The verdict on something of the target that the source does not have: true where it stays. What is in a directory that the source
   * does not have and that stays, stays with it. Perishable rules do not count where the directory around it is deleted.
   */
  protects(path: RelPath, directory: boolean, parentGoes?: boolean): boolean;
}

export interface PlanSummary {
  readonly write: number;
  readonly metadata: number;
  readonly delete: number;
  /** Content bytes that must be sent. */
  readonly bytes: number;
}
