/** Joins the rules of an operation to one list, in the order in which they decide. */
import { err, ok, type Result } from "../../base/result.ts";
import type { ResolvedRule } from "../sync/actions.ts";
import { type ProfileName, profileNames, profileRules } from "../sync/profiles.ts";
import type { RuleSources } from "./request.ts";

/** Rules that hold whatever else is asked for. */
const alwaysRules: readonly ResolvedRule[] = [
  { text: "- lost+found/", origin: "ingot", reason: "belongs to the filesystem, not to the system on it" },
  { text: "- .ingot-staging/", origin: "ingot", reason: "Ingot's own folder while it writes a tree" },
];

/** Ingot's own rules, the caller's, the named profiles', the default profiles'. The first match decides. */
export function joinRules(
  sources: RuleSources,
  defaults: readonly ProfileName[],
): Result<readonly ResolvedRule[], string> {
  const names = new Set<ProfileName>();
  for (const name of sources.profiles ?? []) {
    const known = profileNames.find((each) => each === name);
    if (known === undefined) {
      return err(`there is no exclude profile '${name}' (there are ${profileNames.join(", ")})`);
    }
    names.add(known);
  }
  for (const name of defaults) {
    names.add(name);
  }
  return ok([...alwaysRules, ...(sources.rules ?? []), ...[...names].flatMap(profileRules)]);
}
