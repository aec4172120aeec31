/** Makes the plan of a push: what the listing does not show is asked of the node, only where it matters. */
import type { RelPath } from "../../base/path-bytes.ts";
import type { ExtendedAttributes, ListedEntry } from "../entry.ts";
import { readAttributes } from "../remote/attributes.ts";
import { fileDigests } from "../remote/digests.ts";
import { readFlags } from "../remote/flags.ts";
import { withFlags } from "../sync/flags.ts";
import { findPatches } from "./patches.ts";
import { type UpdatePlan, withPatches } from "./plan.ts";
import { type PlanSources, planFor } from "./prepare-plan.ts";
import {
  allDigestQuestions,
  attributeQuestions,
  digestQuestions,
  withAttributes,
  withDigests,
} from "./questions.ts";
import type { UpdateRequest } from "./request.ts";

/** Three questions at most: attributes, digests of files that may be right, blocks of large files that are not. */
export async function askAndPlan(
  request: UpdateRequest,
  input: { readonly sources: PlanSources; readonly listed: readonly ListedEntry[] },
): Promise<UpdatePlan> {
  const { session, store, signal } = request;
  const { sources } = input;
  const { programs } = sources.node.state;
  const place = { root: sources.node.root, ...(signal === undefined ? {} : { signal }) };
  let listed = input.listed;
  if (programs.has("getfattr")) {
    const asked = attributeQuestions(listed, sources.suspicion);
    const found =
      asked.length === 0 ? new Map() : await readAll(request, { ...place, paths: asked, sources });
    listed = withAttributes(listed, { entries: sources.entries, asked, found });
  }
  let plan = planFor(sources, listed);
  if (!programs.has("sha256sum")) {
    return plan;
  }
  let byPath = new Map(listed.map((each) => [each.entry.path, each]));
  const paths =
    sources.node.options.checksum === true
      ? allDigestQuestions(sources.entries, byPath)
      : digestQuestions(plan.actions, byPath);
  if (paths.length > 0) {
    listed = withDigests(listed, await fileDigests(session, { ...place, paths }));
    byPath = new Map(listed.map((each) => [each.entry.path, each]));
    plan = planFor(sources, listed);
  }
  if (!programs.has("cp-attributes")) {
    return plan;
  }
  const patches = await findPatches(plan, {
    ...place,
    session,
    store,
    version: sources.version,
    listed: byPath,
    readsAttributes: programs.has("getfattr"),
  });
  return withPatches(plan, patches);
}

/** Attributes, and the flags that are no attributes on the node itself. */
async function readAll(
  { session }: UpdateRequest,
  place: {
    readonly root: string;
    readonly paths: readonly RelPath[];
    readonly signal?: AbortSignal;
    readonly sources: PlanSources;
  },
): Promise<ReadonlyMap<RelPath, ExtendedAttributes>> {
  const asksFlags = place.sources.node.state.tools.flags === true;
  const [attributes, flags] = await Promise.all([
    readAttributes(session, place),
    asksFlags ? readFlags(session, place) : new Map<RelPath, string>(),
  ]);
  if (!asksFlags) {
    return attributes;
  }
  const found = new Map(attributes);
  for (const path of new Set([...attributes.keys(), ...flags.keys()])) {
    found.set(path, withFlags(attributes.get(path) ?? [], flags.get(path) ?? ""));
  }
  return found;
}
