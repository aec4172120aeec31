/** A filter rule ready to be matched. */
import { isWithin, parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { ResolvedRule } from "./actions.ts";
import { isDirMerge } from "./filter-rules.ts";
import { compilePattern, type Pattern } from "./pattern.ts";

export interface CompiledRule {
  readonly rule: ResolvedRule;
  readonly index: number;
  readonly include: boolean;
  readonly negated: boolean;
  /** Decides what is taken from the source. */
  readonly sender: boolean;
  /** Decides what of the target is not deleted. */
  readonly receiver: boolean;
  /** Does not keep a directory that would be deleted. */
  readonly perishable: boolean;
  readonly pattern: Pattern;
}

export function compileRule(rule: ResolvedRule, index: number): CompiledRule {
  const kind = rule.text.charAt(0);
  const modifiers = modifiersOf(rule);
  const sided = /[sr]/.test(modifiers);
  return {
    rule,
    index,
    include: "+SR".includes(kind),
    negated: modifiers.includes("!"),
    sender: sided ? modifiers.includes("s") : !"PR".includes(kind),
    receiver: sided ? modifiers.includes("r") : !"HS".includes(kind),
    perishable: modifiers.includes("p"),
    pattern: compilePattern(rule.text.slice(rule.text.indexOf(" ") + 1)),
  };
}

function modifiersOf(rule: ResolvedRule): string {
  return rule.text.slice(1, rule.text.indexOf(" "));
}

/** Whether a rule is about the names of extended attributes; such a one says nothing about files. */
export function isAttributeRule(rule: ResolvedRule): boolean {
  return !isDirMerge(rule) && modifiersOf(rule).includes("x");
}

/** Whether something lies where a rule counts. */
export function isInScope(path: RelPath, { scope }: ResolvedRule): boolean {
  return (
    scope === undefined ||
    (path !== scope.below &&
      (scope.childrenOnly === true ? parentPath(path) === scope.below : isWithin(path, scope.below)) &&
      scope.except?.some((root) => isWithin(path, root) && path !== root) !== true)
  );
}
