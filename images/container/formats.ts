/**
 * What container archives say of themselves: the OCI image layout (index, manifests, configuration) and what `docker save` writes. All of
 * it comes from elsewhere, so it is checked here, and nothing but digests and names inside of the archive is taken from it.
 */
import { z } from "zod";
import { err, ok, type Result } from "../../base/result.ts";

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "only SHA-256 digests are known");

const descriptor = z.object({
  mediaType: z.string().max(255).optional(),
  digest,
  size: z.int().nonnegative(),
  platform: z.object({ os: z.string().max(64), architecture: z.string().max(64) }).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
export type Descriptor = z.infer<typeof descriptor>;

/** `index.json`, or an index that one names. */
export const ContainerIndex = z.object({ manifests: z.array(descriptor).max(1000) });

export const ContainerManifest = z.object({
  mediaType: z.string().max(255).optional(),
  config: descriptor,
  layers: z.array(descriptor).max(1000),
});
export type ContainerManifest = z.infer<typeof ContainerManifest>;

/** `manifest.json` of `docker save`; names are members of the archive. */
export const DockerManifest = z
  .array(
    z.object({
      Config: z.string().min(1).max(1024),
      RepoTags: z.array(z.string().max(1024)).nullish(),
      Layers: z.array(z.string().min(1).max(1024)).max(1000),
    }),
  )
  .max(1000);

const words = z.array(z.string().max(65_536)).max(10_000).nullish();

export const ContainerConfig = z.object({
  architecture: z.string().max(64).optional(),
  os: z.string().max(64).optional(),
  rootfs: z.object({ diff_ids: z.array(digest).max(1000) }).optional(),
  config: z
    .object({ User: z.string().max(255).nullish(), Env: words, Entrypoint: words, Cmd: words })
    .nullish(),
});
export type ContainerConfig = z.infer<typeof ContainerConfig>;

/** Reads JSON of a known shape. */
export function parseJson<T>(bytes: Uint8Array, schema: z.ZodType<T>): Result<T, string> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    return err(error instanceof Error ? error.message : "it is no JSON");
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) {
    return ok(parsed.data);
  }
  const [issue] = parsed.error.issues;
  return err(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is not as it should be"}`);
}

export function blobPath(of: { readonly digest: string }): string {
  return `blobs/${of.digest.replace(":", "/")}`;
}

export function isIndex(of: Descriptor): boolean {
  return /^application\/vnd\.(?:oci\.image\.index|docker\.distribution\.manifest\.list)\./.test(
    of.mediaType ?? "",
  );
}

const configTypes = /^application\/vnd\.(?:oci\.image\.config\.v1|docker\.container\.image\.v1)\+json$/;
const layerTypes =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar)(?:[+.](?:gzip|zstd))?$/;

/** Why a manifest is not that of a container's filesystem; undefined where it is. */
export function foreignContent(manifest: ContainerManifest): string | undefined {
  const config = manifest.config.mediaType;
  if (config !== undefined && !configTypes.test(config)) {
    return `it holds '${config}'`;
  }
  const layer = manifest.layers.find(
    ({ mediaType }) => mediaType !== undefined && !layerTypes.test(mediaType),
  );
  return layer === undefined ? undefined : `it has a layer of type '${layer.mediaType}'`;
}

/** An image of an archive that holds several. */
export interface Candidate<T> {
  readonly names: readonly string[];
  /** As OCI calls it: `amd64`. */
  readonly architecture?: string;
  readonly value: T;
}

/** Names that a descriptor goes by. */
export function namesOf({ annotations = {} }: Descriptor): readonly string[] {
  const names = [annotations["org.opencontainers.image.ref.name"], annotations["io.containerd.image.name"]];
  return names.filter((name) => name !== undefined);
}

/** Chooses the one that is meant: by its name, then by the server's own architecture. */
export function choose<T>(
  candidates: readonly Candidate<T>[],
  wanted: { readonly reference?: string; readonly architecture: string },
): Result<T, { readonly message: string; readonly names: readonly string[] }> {
  const { reference, architecture } = wanted;
  const names = [...new Set(candidates.flatMap((candidate) => candidate.names))];
  const named =
    reference === undefined
      ? candidates
      : candidates.filter((candidate) => candidate.names.includes(reference));
  if (named.length === 0) {
    return err({
      message: reference === undefined ? "it holds no image" : `it holds no '${reference}'`,
      names,
    });
  }
  const fitting = named.some((candidate) => candidate.architecture !== undefined && named.length > 1)
    ? named.filter((candidate) => candidate.architecture === architecture)
    : named;
  const [one, another] = fitting;
  if (one !== undefined && another === undefined) {
    return ok(one.value);
  }
  const architectures = named.map((candidate) => candidate.architecture ?? "unknown").join(", ");
  return err({
    message:
      one === undefined
        ? `its images are for ${architectures}, none for this server's ${architecture}`
        : `it holds ${fitting.length} images`,
    names,
  });
}

/** What of a container's settings an image has no place for; one sentence, or none. */
export function settingsNote({ config }: ContainerConfig): string | undefined {
  const settings = [
    ...(config?.Entrypoint?.length ? [`entrypoint ${JSON.stringify(config.Entrypoint)}`] : []),
    ...(config?.Cmd?.length ? [`command ${JSON.stringify(config.Cmd)}`] : []),
    ...(config?.User ? [`user ${JSON.stringify(config.User)}`] : []),
    ...(config?.Env?.length ? [`${config.Env.length} environment variables`] : []),
  ];
  return settings.length === 0
    ? undefined
    : `not taken, because a machine's tree has no place for it: ${settings.join(", ")}`;
}

const machines: Readonly<Record<string, string>> = {
  amd64: "x86_64",
  arm64: "aarch64",
  arm: "armv7l",
  "386": "i686",
};

/** `amd64` as uname(1) calls it. */
export function machineOf(architecture: string): string {
  return machines[architecture] ?? architecture;
}

/** `x86_64` as OCI calls it. */
export function architectureOf(machine: string): string {
  return Object.entries(machines).find(([, name]) => name === machine)?.[0] ?? machine;
}
