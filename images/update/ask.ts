/** Makes the plan of a push: what the listing does not show is asked of the node, only where it matters. */
import type { RelPath } from "../../base/path-bytes.ts";
import type { ExtendedAttributes } from "../entry.ts";
import { readAttributes } from "../remote/attributes.ts";
import { digestProgram } from "../remote/block-digests.ts";
import { fileDigests } from "../remote/digests.ts";
import { readFlags } from "../remote/flags.ts";
import { DigestColumn, type PlaceSet } from "../sync/columns.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import { withFlags } from "../sync/flags.ts";
import type { NodeListing } from "./node-listing.ts";
import { type BlockedFile, blockedFiles, findPatches } from "./patches.ts";
import { type UpdatePlan, withPatches } from "./plan.ts";
import { type PlanSources, planFor, refuseWithoutAttributes } from "./prepare-plan.ts";
import { allDigestQuestions, attributeQuestions, digestQuestions, withAttributes } from "./questions.ts";
import type { UpdateRequest } from "./request.ts";

/** Three questions at most: attributes, digests of files that may be right, blocks of large files that are not. */
export async function askAndPlan(
  request: UpdateRequest,
  input: { readonly sources: PlanSources; readonly listed: NodeListing },
): Promise<{ readonly plan: UpdatePlan; readonly asked: boolean }> {
  const { session, store, signal } = request;
  const { sources } = input;
  const { programs } = sources.node.state;
  const place = { root: sources.node.root, ...(signal === undefined ? {} : { signal }) };
  let node = input.listed;
  let isAsked = false;
  if (sources.suspicion.attributesRuled === true) {
    refuseWithoutAttributes(sources.node);
  }
  if (programs.has("getfattr")) {
    const asked = attributeQuestions(node, sources.wanted, sources.suspicion);
    isAsked = asked.size > 0;
    const found = isAsked
      ? await readAll(request, { ...place, table: node.table, asked, sources })
      : new Map<RelPath, ExtendedAttributes>();
    node = withAttributes(node, { version: sources.wanted, asked, found, rules: sources.rules });
  }
  let plan = planFor(sources, node);
  if (!programs.has("sha256sum")) {
    return { plan, asked: isAsked };
  }
  const program = programs.has("cp-attributes") ? digestProgram(programs) : undefined;
  const patching =
    program === undefined
      ? undefined
      : {
          ...{ ...place, session, store, program },
          version: sources.version,
          table: sources.wanted,
          readsAttributes: programs.has("getfattr"),
        };
  const digests = new DigestColumn();
  const { table } = node;
  const places =
    sources.node.options.checksum === true
      ? allDigestQuestions(sources.wanted, node)
      : withoutBlocked(digestQuestions(plan.actions, node), {
          table,
          blocked: patching && blockedFiles(plan, { ...patching, node }),
        });
  if (places.size > 0) {
    isAsked = true;
    let near = 0;
    await fileDigests(session, {
      ...place,
      paths: pathsOf(table, places),
      onDigest: (path, digest) => {
        const at = table.indexOf(path, near);
        if (at >= 0) {
          digests.set(at, digest);
          near = at;
        }
      },
    });
    node = node.with({ digests });
    plan = planFor(sources, node);
  }
  if (patching === undefined) {
    return { plan, asked: isAsked };
  }
  const { patches, same } = await findPatches(plan, { ...patching, node });
  isAsked ||= patches.size > 0;
  if (same.size > 0) {
    for (const [path, digest] of same) {
      digests.set(table.indexOf(path), digest);
    }
    node = node.with({ digests });
    plan = planFor(sources, node);
  }
  return { plan: withPatches(plan, patches), asked: isAsked };
}

/** A large file is not digested twice: whether it holds what it should shows when its blocks are compared. */
function withoutBlocked(
  places: PlaceSet,
  {
    table,
    blocked = [],
  }: { readonly table: EntryTable; readonly blocked: readonly BlockedFile[] | undefined },
): PlaceSet {
  for (const { standing } of blocked) {
    places.delete(table.indexOf(standing.path));
  }
  return places;
}

function* pathsOf(table: EntryTable, places: Iterable<number>): Generator<RelPath> {
  for (const place of places) {
    yield table.pathAt(place);
  }
}

/** Attributes, and the flags that are no attributes on the node itself. */
async function readAll(
  { session }: UpdateRequest,
  place: {
    readonly root: string;
    readonly table: EntryTable;
    readonly asked: PlaceSet;
    readonly signal?: AbortSignal;
    readonly sources: PlanSources;
  },
): Promise<ReadonlyMap<RelPath, ExtendedAttributes>> {
  const { table, asked } = place;
  const isAsked = (path: RelPath) => asked.has(table.indexOf(path));
  const asksFlags = place.sources.node.state.tools.flags === true;
  const [attributes, flags] = await Promise.all([
    readAttributes(session, { ...place, paths: pathsOf(table, asked) }),
    asksFlags
      ? readFlags(session, { ...place, paths: pathsOf(table, asked), isAsked })
      : new Map<RelPath, string>(),
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
