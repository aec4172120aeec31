/** From expected failures in what a person wrote to errors that are told to that person. */
import { AppError, type ErrorDetails } from "../../base/errors.ts";
import type { Result } from "../../base/result.ts";
import {
  formatVersion,
  type ImageName,
  type Manifest,
  parseImageName,
  parseVersionRef,
  type VersionId,
} from "../../images/manifest.ts";
import type { ImageStore } from "../../images/store/store.ts";
import { type Host, selectHosts } from "../hosts/host.ts";
import type { HostRegistry } from "../hosts/registry.ts";

export function wanted<T>(result: Result<T, string>, details: ErrorDetails = {}): T {
  if (!result.ok) {
    const message = result.error.charAt(0).toUpperCase() + result.error.slice(1);
    throw new AppError("bad-input", message, details);
  }
  return result.value;
}

export function imageName(text: string): ImageName {
  return wanted(parseImageName(text));
}

/** The nodes that a selection names; an unknown one is `not-found`. */
export function selected(registry: HostRegistry, selection: string): readonly Host[] {
  const chosen = selectHosts(selection, registry.list());
  if (chosen.ok) {
    return chosen.value;
  }
  const unknown = chosen.error.startsWith("no such node");
  throw new AppError(unknown ? "not-found" : "bad-input", `Selection '${selection}': ${chosen.error}`, {
    hint: "ingot node list shows all nodes and groups; ingot node add adds one",
  });
}

/** The version that a reference means, now. */
export async function resolveVersion(store: ImageStore, text: string): Promise<Manifest> {
  return await store.resolve(wanted(parseVersionRef(text)));
}

export function versionId(manifest: Manifest): VersionId {
  return { image: manifest.image, number: manifest.number };
}

export function versionText(manifest: Manifest): string {
  return formatVersion(versionId(manifest));
}
