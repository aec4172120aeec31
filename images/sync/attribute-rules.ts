/**
 * rsync's filter rules with the modifier `x`: which extended attributes are taken from a source, and which of a target are left as they are.
 * ACLs are no attributes here although the kernel shows them as such: they go with the file, as rsync's --acls takes them. Nor are flags.
 */
import type { RelPath } from "../../base/path-bytes.ts";
import type { ExtendedAttributes } from "../entry.ts";
import type { ResolvedRule } from "./actions.ts";
import { type CompiledRule, compileRule, isAttributeRule, isInScope } from "./compiled-rule.ts";
import { flagsName } from "./flags.ts";

export interface AttributeSelection {
  /** Those that the source gives: of what it has, what its side's rules allow. */
  sent(path: RelPath, extended: ExtendedAttributes): ExtendedAttributes;
  /** What a target has in the end: of what is sent and of what stands, each as the target's side of the rules allows. */
  settled(
    path: RelPath,
    from: { readonly source: ExtendedAttributes; readonly standing: ExtendedAttributes },
  ): ExtendedAttributes;
}

/** Makes it of a list of rules; undefined where none of them is about attributes, so that all are taken. */
export function attributeSelection(rules: readonly ResolvedRule[]): AttributeSelection | undefined {
  const compiled = rules.map(compileRuleAt).filter((rule): rule is CompiledRule => rule !== undefined);
  if (compiled.length === 0) {
    return undefined;
  }
  const sender = compiled.filter((rule) => rule.sender);
  const receiver = compiled.filter((rule) => rule.receiver);
  const sent = (path: RelPath, extended: ExtendedAttributes) =>
    chosen(extended, (key) => !isExcluded(sender, { path, key }));
  return {
    sent,
    settled(path, { source, standing }) {
      const isLeft = (key: string) => isExcluded(receiver, { path, key });
      const kept = standing.filter(([key]) => isLeft(key));
      const given = chosen(sent(path, source), (key) => !isLeft(key));
      return kept.length === 0 ? given : [...kept, ...given].sort(([a], [b]) => (a < b ? -1 : 1));
    },
  };
}

/** The rules about attributes as one word: what was read under others must be read again. */
export function attributeWord(rules: readonly ResolvedRule[]): string {
  const about = rules.filter(isAttributeRule).map(({ text, scope }) => [text, scope]);
  return about.length === 0 ? "" : JSON.stringify(about);
}

function compileRuleAt(rule: ResolvedRule, index: number): CompiledRule | undefined {
  return isAttributeRule(rule) ? compileRule(rule, index) : undefined;
}

/** The list itself where nothing is left out of it. */
function chosen(extended: ExtendedAttributes, isChosen: (key: string) => boolean): ExtendedAttributes {
  return extended.every(([key]) => isChosen(key)) ? extended : extended.filter(([key]) => isChosen(key));
}

/** By the first rule that matches the attribute's name, of those that count where the file lies. */
function isExcluded(
  rules: readonly CompiledRule[],
  { path, key }: { readonly path: RelPath; readonly key: string },
): boolean {
  const name = attributeName(key);
  const match =
    name === undefined
      ? undefined
      : rules.find(
          ({ rule, pattern, negated }) =>
            isInScope(path, rule) && pattern.matches(name as RelPath, false) !== negated,
        );
  return match !== undefined && !match.include;
}

/** The kernel's name of an attribute that rules can be about. */
function attributeName(key: string): string | undefined {
  if (key === "RHT.security.selinux") {
    return "security.selinux";
  }
  const name = /^SCHILY\.xattr\.(.+)$/s.exec(key)?.[1];
  return name === flagsName || name?.startsWith("system.posix_acl_") === true ? undefined : name;
}
