/**
 * What the exclude lists mean for overrides. The profiles that come with Ingot say what of an image is no business of a machine's: its
 * name, keys and network, its state. An override says just that for this machine, so `identity`, `volatile` and `puppet` give way to it, path by
 * path. Everything else holds: lists that people wrote, what is mounted, and `hardware`, because the machine's own filesystems count. Pure.
 */
import { escapePath, parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { VersionTable } from "../store/version-table.ts";
import type { ResolvedRule } from "../sync/actions.ts";
import { makeSelection } from "../sync/exclude.ts";

const giveWay: ReadonlySet<string> = new Set(["profile:identity", "profile:volatile", "profile:puppet"]);
const toldPaths = 20;

/** The rules with what overrides need among them, and what of overrides they leave alone, one sentence each. */
export function withOverrides(
  rules: readonly ResolvedRule[],
  wanted: VersionTable,
): { readonly rules: readonly ResolvedRule[]; readonly notes: readonly string[] } {
  const { overrides } = wanted;
  const selection = makeSelection(rules);
  const included = new Map<RelPath, ResolvedRule>();
  const closed = new Map<RelPath, ResolvedRule>();
  const notes: string[] = [];
  for (const [path, name] of [...overrides].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const isDirectory = wanted.find(path)?.kind === "directory";
    const above = ancestors(path);
    const verdicts = [
      ...above.map((each) => selection.decide(each, true)),
      selection.decide(path, isDirectory),
    ].map(({ excluded, rule }) => (excluded ? rule : undefined));
    const firm = verdicts.find((rule) => rule !== undefined && !giveWay.has(rule.origin));
    const first = verdicts.findIndex((rule) => rule !== undefined);
    if (firm !== undefined) {
      if (!isDirectory) {
        const why = firm.reason === undefined ? firm.origin : `${firm.origin}: ${firm.reason}`;
        notes.push(`/${escapePath(path)} of override ${name} is left alone by '${firm.text}' (${why})`);
      }
    } else if (first >= 0) {
      const origin = `override ${name}`;
      const way = [...above, path].slice(first);
      for (const each of way) {
        included.set(each, { text: `+ /${asPattern(each)}`, origin });
      }
      // What else is in such a directory is as excluded as it was.
      for (const each of isDirectory ? way : way.slice(0, -1)) {
        closed.set(each, { text: `- /${asPattern(each, "/*")}`, origin });
      }
    }
  }
  const profiles = rules.findIndex(({ origin }) => origin.startsWith("profile:"));
  const at = profiles < 0 ? rules.length : profiles;
  const more = notes.length - toldPaths;
  return {
    rules: [...rules.slice(0, at), ...included.values(), ...closed.values(), ...rules.slice(at)],
    notes: more > 0 ? [...notes.slice(0, toldPaths), `and ${more} more of overrides are left alone`] : notes,
  };
}

/** The directories around a path, outermost first, the root left out. */
function ancestors(path: RelPath): readonly RelPath[] {
  const above: RelPath[] = [];
  for (let parent = parentPath(path); parent !== ""; parent = parentPath(parent)) {
    above.unshift(parent);
  }
  return above;
}

/** Backslashes escape only in patterns that have wildcards. */
function asPattern(path: RelPath, wildcard = ""): string {
  return wildcard !== "" || /[*?[]/.test(path) ? path.replace(/[\\*?[]/g, "\\$&") + wildcard : path;
}
