/** Finds the image that is meant in a container archive: its configuration, and the files of its layers. */
import { AppError } from "../../base/errors.ts";
import type { Result } from "../../base/result.ts";
import {
  blobPath,
  type Candidate,
  ContainerConfig,
  ContainerIndex,
  ContainerManifest,
  choose,
  type Descriptor,
  DockerManifest,
  foreignContent,
  isIndex,
  namesOf,
  parseJson,
} from "./formats.ts";
import type { Spool } from "./spool.ts";

export interface ChosenImage {
  readonly config: ContainerConfig;
  /** Files that hold the layers, the lowest first; each may be compressed. */
  readonly layers: readonly string[];
}

interface Wanted {
  readonly what: string;
  readonly architecture: string;
  readonly reference?: string;
}

/** `docker save` writes both descriptions by now; the OCI one has digests. */
export async function chosenImage(spool: Spool, wanted: Wanted): Promise<ChosenImage> {
  if (spool.has("index.json")) {
    return fromIndex(spool, wanted);
  }
  if (spool.has("manifest.json")) {
    return fromDocker(spool, wanted);
  }
  throw new AppError(
    "bad-input",
    `${wanted.what} is no container archive: it has neither index.json (OCI) nor manifest.json (docker save)`,
    { hint: "A tar of a tree is imported with --tar." },
  );
}

async function fromIndex(spool: Spool, wanted: Wanted): Promise<ChosenImage> {
  const { what } = wanted;
  const top = good(parseJson(await spool.small("index.json"), ContainerIndex), `${what}, index.json`);
  const candidates = await candidatesOf(spool, { what, descriptors: top.manifests, depth: 0 });
  const descriptor = meant(joinNames(candidates), wanted);
  const path = blobPath(descriptor);
  const bytes = await spool.small(path, descriptor.digest);
  const manifest = good(parseJson(bytes, ContainerManifest), `${what}, ${path}`);
  const foreign = foreignContent(manifest);
  if (foreign !== undefined) {
    throw new AppError("bad-input", `${what} holds no container's filesystem: ${foreign}`);
  }
  const configPath = blobPath(manifest.config);
  const config = await spool.small(configPath, manifest.config.digest);
  return {
    config: good(parseJson(config, ContainerConfig), `${what}, ${configPath}`),
    layers: manifest.layers.map((layer) => spool.need(blobPath(layer), layer.digest).file),
  };
}

/** Images for several architectures stand in an index of their own, under one name. */
async function candidatesOf(
  spool: Spool,
  from: {
    readonly what: string;
    readonly descriptors: readonly Descriptor[];
    readonly depth: number;
    readonly names?: readonly string[];
  },
): Promise<readonly Candidate<Descriptor>[]> {
  const { what, descriptors, depth } = from;
  const found: Candidate<Descriptor>[] = [];
  for (const descriptor of descriptors) {
    const names = [...(from.names ?? []), ...namesOf(descriptor)];
    if (isIndex(descriptor)) {
      const path = blobPath(descriptor);
      const index = good(
        parseJson(await spool.small(path, descriptor.digest), ContainerIndex),
        `${what}, ${path}`,
      );
      if (depth === 2) {
        throw new AppError(
          "hostile",
          `Refused ${what} at member '${path}': an index in an index in an index`,
        );
      }
      found.push(
        ...(await candidatesOf(spool, { what, descriptors: index.manifests, depth: depth + 1, names })),
      );
    } else if (descriptor.platform?.os !== "unknown") {
      // Attestations of a build stand beside the images, for the platform "unknown".
      const architecture = descriptor.platform?.architecture;
      found.push({ names, value: descriptor, ...(architecture === undefined ? {} : { architecture }) });
    }
  }
  return found;
}

/** One image may stand there under several names. */
function joinNames(candidates: readonly Candidate<Descriptor>[]): readonly Candidate<Descriptor>[] {
  const joined = new Map<string, Candidate<Descriptor>>();
  for (const candidate of candidates) {
    const { digest } = candidate.value;
    const names = [...(joined.get(digest)?.names ?? []), ...candidate.names];
    joined.set(digest, { ...candidate, names });
  }
  return [...joined.values()];
}

async function fromDocker(spool: Spool, wanted: Wanted): Promise<ChosenImage> {
  const { what } = wanted;
  const images = good(
    parseJson(await spool.small("manifest.json"), DockerManifest),
    `${what}, manifest.json`,
  );
  const image = meant(
    images.map((value) => ({ names: value.RepoTags ?? [], value })),
    wanted,
  );
  const bytes = await spool.small(image.Config);
  return {
    config: good(parseJson(bytes, ContainerConfig), `${what}, ${image.Config}`),
    layers: image.Layers.map((layer) => spool.need(layer).file),
  };
}

function meant<T>(candidates: readonly Candidate<T>[], wanted: Wanted): T {
  const chosen = choose(candidates, wanted);
  if (chosen.ok) {
    return chosen.value;
  }
  const { message, names } = chosen.error;
  throw new AppError("bad-input", `Cannot import ${wanted.what}: ${message}`, {
    ...(names.length === 0 ? {} : { hint: `Say --ref NAME; it holds ${names.slice(0, 50).join(", ")}` }),
  });
}

function good<T>(result: Result<T, string>, what: string): T {
  if (!result.ok) {
    throw new AppError("hostile", `Refused ${what}: ${result.error}`);
  }
  return result.value;
}
