/** The files of an OCI archive beside its layer: index, manifest and configuration, and what `docker load` reads instead. */
import { fromUtf8 } from "../../base/bytes.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntryRegular } from "../entry.ts";
import { formatVersion, type Manifest } from "../manifest.ts";

export interface LayerFacts {
  readonly bytes: number;
  /** SHA-256 of the compressed bytes, and of the tar in them. */
  readonly digest: string;
  readonly plainDigest: string;
}

export interface DescribingFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What {@link layerMember} takes in the archive, whatever the layer's size. */
export const layerHeadBytes = 3 * 512;

/** A comment makes the header always have its pax records, which hold a size of any length. */
export function layerMember(name: string, size: number): FileEntryRegular {
  return {
    kind: "file",
    path: name as RelPath,
    size,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanoseconds: 0 },
    extended: [["comment", "ingot"]],
  };
}

/** The same version makes the same bytes. */
export function describeContainer(
  manifest: Manifest,
  about: {
    readonly layer: LayerFacts;
    readonly architecture: string;
    readonly sha256: (bytes: Uint8Array) => string;
  },
): readonly DescribingFile[] {
  const { layer, architecture, sha256 } = about;
  const blobName = (bytes: Uint8Array) => `blobs/sha256/${sha256(bytes)}`;
  const descriptor = (mediaType: string, bytes: Uint8Array) => ({
    mediaType,
    digest: `sha256:${sha256(bytes)}`,
    size: bytes.length,
  });
  const created = new Date(manifest.created).toISOString();
  const name = formatVersion(manifest);
  const config = json({
    created,
    architecture,
    os: "linux",
    config: { Cmd: ["/bin/sh"], Labels: { "org.opencontainers.image.version": name } },
    rootfs: { type: "layers", diff_ids: [`sha256:${layer.plainDigest}`] },
    history: [{ created, created_by: `ingot image export ${name}`, comment: manifest.message }],
  });
  const description = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: descriptor("application/vnd.oci.image.config.v1+json", config),
    layers: [
      {
        mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
        digest: `sha256:${layer.digest}`,
        size: layer.bytes,
      },
    ],
  });
  const tags = dockerTags(manifest);
  const index = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      {
        ...descriptor("application/vnd.oci.image.manifest.v1+json", description),
        platform: { architecture, os: "linux" },
        annotations: {
          "org.opencontainers.image.ref.name": String(manifest.number),
          // What podman and containerd call it when they load it: the tag alone says nothing.
          ...(tags === null ? {} : { "io.containerd.image.name": `localhost/${tags[0]}` }),
        },
      },
    ],
  });
  const docker = json([
    {
      Config: blobName(config),
      RepoTags: tags,
      Layers: [`blobs/sha256/${layer.digest}`],
    },
  ]);
  return [
    { name: blobName(config), bytes: config },
    { name: blobName(description), bytes: description },
    { name: "oci-layout", bytes: json({ imageLayoutVersion: "1.0.0" }) },
    { name: "index.json", bytes: index },
    { name: "manifest.json", bytes: docker },
  ];
}

/** Docker's names are in lower case; an image with another one is loaded without a name. */
function dockerTags({ image, number }: Manifest): readonly [string] | null {
  return /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(image) ? [`${image}:${number}`] : null;
}

function json(value: unknown): Uint8Array {
  return fromUtf8(JSON.stringify(value));
}
