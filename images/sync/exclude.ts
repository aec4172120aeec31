/** rsync's filter rules, matched on bytes (paths are latin1 strings): a list of rules turned into a selection. */
import { baseName, parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { ResolvedRule, Selection } from "./actions.ts";
import { type CompiledRule, compileRule, isAttributeRule, isInScope } from "./compiled-rule.ts";
import { isDirMerge } from "./filter-rules.ts";
import type { Prune } from "./listing.ts";

/** Makes the matcher of a list of rules: the first rule that matches decides; none means included. The tree's root is never excluded. */
export function makeSelection(rules: readonly ResolvedRule[]): Selection {
  // Numbered before those are left out that only stand for what files in directories hold, or are about attributes.
  const compiled = rules.map(compileRule).filter(({ rule }) => !isDirMerge(rule) && !isAttributeRule(rule));
  const sender = makeMatcher(compiled.filter((rule) => rule.sender));
  const receiver = compiled.every((rule) => rule.sender && rule.receiver)
    ? sender
    : makeMatcher(compiled.filter((rule) => rule.receiver));
  const lasting = compiled.some((rule) => rule.perishable)
    ? makeMatcher(compiled.filter((rule) => rule.receiver && !rule.perishable))
    : receiver;
  return {
    rules,
    oneSided: compiled.some((rule) => !rule.sender || !rule.receiver || rule.perishable),
    decide: sender.decide,
    excludes: sender.excludes,
    protects: (path, directory, parentGoes) =>
      (parentGoes === true ? lasting : receiver).decide(path, directory).excluded,
  };
}

function makeMatcher(rules: readonly CompiledRule[]): Pick<Selection, "decide" | "excludes"> {
  const byPath = new Map<string, CompiledRule[]>();
  const byName = new Map<string, CompiledRule[]>();
  const byParent = new Map<string, CompiledRule[]>();
  const byScope = new Map<string, CompiledRule[]>();
  const others: CompiledRule[] = [];
  for (const compiled of rules) {
    const { rule } = compiled;
    const { literalPath, literalName, everythingBelow } = compiled.pattern;
    if (rule.scope !== undefined) {
      append(byScope, rule.scope.below, compiled);
    } else if (compiled.negated) {
      others.push(compiled);
    } else if (literalPath !== undefined) {
      append(byPath, literalPath, compiled);
    } else if (literalName !== undefined) {
      append(byName, literalName, compiled);
    } else if (everythingBelow !== undefined && rule.text.endsWith("/*") && !rule.text.endsWith("**")) {
      append(byParent, everythingBelow, compiled);
    } else {
      others.push(compiled);
    }
  }

  /** The first rule that matches out of files in the directories above, or the one that was found already. */
  function scopedMatch(path: RelPath, directory: boolean, found?: CompiledRule): CompiledRule | undefined {
    let best = found;
    for (let above = parentPath(path); byScope.size > 0; above = parentPath(above)) {
      for (const candidate of byScope.get(above) ?? []) {
        const { pattern, negated, rule, index } = candidate;
        if (
          (best === undefined || index < best.index) &&
          isInScope(path, rule) &&
          pattern.matches(path, directory) !== negated
        ) {
          best = candidate;
        }
      }
      if (above === "") {
        break;
      }
    }
    return best;
  }

  function firstMatch(path: RelPath, directory: boolean): CompiledRule | undefined {
    let best: CompiledRule | undefined;
    for (const candidates of [byPath.get(path), byName.get(baseName(path)), byParent.get(parentPath(path))]) {
      for (const candidate of candidates ?? []) {
        if (
          (best === undefined || candidate.index < best.index) &&
          (directory || !candidate.pattern.directoryOnly)
        ) {
          best = candidate;
        }
      }
    }
    best = scopedMatch(path, directory, best);
    for (const candidate of others) {
      if (best !== undefined && candidate.index > best.index) {
        break;
      }
      if (candidate.pattern.matches(path, directory) !== candidate.negated) {
        return candidate;
      }
    }
    return best;
  }

  function decide(path: RelPath, directory: boolean): ReturnType<Selection["decide"]> {
    const match = path === "" ? undefined : firstMatch(path, directory);
    return match === undefined ? { excluded: false } : { excluded: !match.include, rule: match.rule };
  }

  const directories = new Map<RelPath, boolean>();

  function excludesDirectory(path: RelPath): boolean {
    if (path === "") {
      return false;
    }
    const known = directories.get(path);
    if (known !== undefined) {
      return known;
    }
    if (directories.size > 10_000) {
      directories.clear();
    }
    const excluded = excludesDirectory(parentPath(path)) || decide(path, true).excluded;
    directories.set(path, excluded);
    return excluded;
  }

  return {
    decide,
    excludes: (path, directory) => excludesDirectory(parentPath(path)) || decide(path, directory).excluded,
  };
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) {
    map.set(key, [value]);
  } else {
    list.push(value);
  }
}

/** What a listing may leave out without changing any verdict: directories that are excluded, or whose whole content is. */
export function capturePrune(rules: readonly ResolvedRule[]): readonly Prune[] {
  const selection = makeSelection(rules);
  const prunes = new Map<RelPath, Prune>();
  const earlierIncludes: CompiledRule[] = [];
  for (const [index, rule] of rules.entries()) {
    if (isDirMerge(rule) || isAttributeRule(rule)) {
      continue;
    }
    const compiled = compileRule(rule, index);
    const { literalPath, everythingBelow } = compiled.pattern;
    if (compiled.include || compiled.negated) {
      earlierIncludes.push(compiled);
    } else if (!compiled.sender || !compiled.receiver || compiled.perishable) {
      // What one side leaves out the other must see.
    } else if (
      isPlain(literalPath) &&
      selection.decide(literalPath, true).excluded &&
      selection.protects(literalPath, true)
    ) {
      // As a plain file it may be included (a rule for directories only), so it is listed and only not descended into.
      prunes.set(literalPath, { path: literalPath, keep: "directory" });
    } else if (
      isPlain(everythingBelow) &&
      !earlierIncludes.some((include) => mayMatchChild(include, everythingBelow)) &&
      !prunes.has(everythingBelow)
    ) {
      prunes.set(everythingBelow, { path: everythingBelow, keep: "directory" });
    }
  }
  return [...prunes.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A pattern's literal that is a path in normal form. */
function isPlain(path: RelPath | undefined): path is RelPath {
  return path !== undefined && path !== "" && !/(^|\/)(\.{0,2})(\/|$)/.test(path);
}

function mayMatchChild(rule: CompiledRule, directory: RelPath): boolean {
  const { literalPath } = rule.pattern;
  return rule.negated || literalPath === undefined || parentPath(literalPath) === directory;
}
