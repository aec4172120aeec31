/** Opens a container archive (OCI image layout, or `docker save`) as what an import writes: its layers laid over each other. */
import { createHash, type Hash } from "node:crypto";
import { arch } from "node:os";
import { AppError } from "../../base/errors.ts";
import { escapePath } from "../../base/path-bytes.ts";
import type { ProgressSink } from "../../base/ports.ts";
import { formatByteSize } from "../../base/quantity.ts";
import type { VersionSource } from "../manifest.ts";
import { readArchiveFile } from "../store/archive-file.ts";
import { type ArchiveMember, memberWeight } from "../store/archive-plan.ts";
import type { Incoming } from "../store/incoming.ts";
import { letOthersRun } from "../store/let-others-run.ts";
import { MemberCursor } from "../store/member-cursor.ts";
import type { ContainerSource } from "../store/store.ts";
import type { SyncAction } from "../sync/actions.ts";
import { encodeMember, endOfArchive, memberPadding } from "../tar/encode.ts";
import { readTar } from "../tar/stream.ts";
import { chosenImage } from "./chosen-image.ts";
import { machineOf, settingsNote } from "./formats.ts";
import { type LayerPlan, mergeLayers } from "./merge-layers.ts";
import { Spool } from "./spool.ts";

interface ContainerOptions {
  /** An empty folder for what must be unpacked; the caller removes it, after the tar was read. */
  readonly work: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressSink;
}

export interface OpenContainer extends Incoming {
  readonly source: VersionSource;
  /** What of it an image has no place for, and what it lacks. */
  readonly notes: readonly string[];
}

/** Of all layers: what is kept in memory until they were read once, and a layer may be named a thousand times. */
const maxWeight = 1024 ** 3;

/** Reads everything once: nothing is written of an archive that is not whole, or not what its digests say. */
export async function openContainer(
  source: ContainerSource,
  options: ContainerOptions,
): Promise<OpenContainer> {
  const { file } = source;
  const spool = await Spool.of(file, options);
  const { config, layers } = await chosenImage(spool, {
    what: file,
    architecture: arch() === "x64" ? "amd64" : arch(),
    ...(source.reference === undefined ? {} : { reference: source.reference }),
  });
  const digests = config.rootfs?.diff_ids;
  if (digests !== undefined && digests.length !== layers.length) {
    throw refused(file, `it has ${layers.length} layers, and its configuration speaks of ${digests.length}`);
  }
  const read: (readonly ArchiveMember[])[] = [];
  let room = maxWeight;
  for (const [index, layer] of layers.entries()) {
    const wanted = digests?.[index];
    options.onProgress?.({ phase: "check", message: `layer ${index + 1} of ${layers.length}` });
    const { members, weight } = await readLayer(
      { what: layerName(file, index), layer, wanted, room },
      options,
    );
    room -= weight;
    read.push(members);
  }
  const plan = await letOthersRun(mergeLayers(read), options);
  if (!plan.ok) {
    const { message, path, offset, layer } = plan.error;
    throw refused(
      `${layerName(file, layer)}, at member '${escapePath(path)}', after byte ${offset}`,
      message,
    );
  }
  const { directories, others, bytes } = plan.value;
  const actions = [...directories, ...others.map(({ entry }) => entry)].map(
    (entry): SyncAction => ({ kind: "write", entry, changes: ["missing"] }),
  );
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const settings = settingsNote(config);
  return {
    actions,
    bytes,
    tar: layersAsOne(plan.value, { file, layers, ...signal }),
    source: config.architecture === undefined ? {} : { machine: machineOf(config.architecture) },
    notes: [...(settings === undefined ? [] : [settings]), ...missingForMachine(plan.value)],
  };
}

/** A container is started by another system's kernel; a machine needs its own. */
function missingForMachine({ others }: LayerPlan): readonly string[] {
  const has = (pattern: RegExp) => others.some(({ entry }) => pattern.test(entry.path));
  const missing = [
    ...(has(/^boot\/vmlinu[xz]-|^(?:usr\/)?lib\/modules\/[^/]+\/vmlinu/) ? [] : ["a kernel"]),
    ...(has(/^(?:usr\/)?sbin\/init$/) ? [] : ["an init"]),
    ...(has(/^(?:usr\/)?sbin\/grub2?-install$/) ? [] : ["a boot loader"]),
  ];
  return missing.length === 0
    ? []
    : [
        `it has not all that a machine boots with: ${missing.join(", ")} (install them in 'ingot image chroot')`,
      ];
}

async function readLayer(
  task: {
    readonly what: string;
    readonly layer: string;
    readonly wanted: string | undefined;
    /** What its members may take in memory. */
    readonly room: number;
  },
  options: ContainerOptions,
): Promise<{ readonly members: readonly ArchiveMember[]; readonly weight: number }> {
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const members: ArchiveMember[] = [];
  const hash = createHash("sha256");
  let offset = 0;
  let weight = 0;
  const bytes = counted(readArchiveFile(task.layer, signal), hash, (length) => {
    offset += length;
  });
  for await (const events of readTar(bytes, { what: task.what })) {
    options.signal?.throwIfAborted();
    for (const event of events) {
      if (event.kind === "entry") {
        members.push({ entry: event.entry, dataLength: event.dataLength, offset });
        weight += memberWeight(event.entry);
      }
    }
    if (weight > task.room) {
      throw refused(
        task.what,
        `the names and attributes of the archive's ${members.length} members and more take over ${formatByteSize(maxWeight)} of memory`,
      );
    }
  }
  const digest = `sha256:${hash.digest("hex")}`;
  if (task.wanted !== undefined && digest !== task.wanted) {
    throw refused(task.what, `its content is ${digest}, not ${task.wanted}`);
  }
  return { members, weight };
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  hash: Hash,
  passed: (length: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    hash.update(bytes);
    yield bytes;
    passed(bytes.length);
  }
}

/** The tree as one tar: directories first, then each layer's files that are still there, in their order. */
async function* layersAsOne(
  plan: LayerPlan,
  from: { readonly file: string; readonly layers: readonly string[]; readonly signal?: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { file, layers, ...signal } = from;
  for (const directory of plan.directories) {
    yield encodeMember(directory);
  }
  let open: { readonly layer: number; readonly cursor: MemberCursor; ordinal: number } | undefined;
  try {
    for (const { entry, layer, ordinal } of plan.others) {
      if (entry.kind === "hardlink" || entry.kind === "socket") {
        continue;
      }
      if (entry.kind !== "file") {
        yield encodeMember(entry);
        continue;
      }
      if (open?.layer !== layer) {
        await open?.cursor.close();
        const what = layerName(file, layer);
        const members = readTar(readArchiveFile(layers[layer] as string, signal), { what });
        open = { layer, cursor: new MemberCursor(members), ordinal: -1 };
      }
      let member = undefined as Awaited<ReturnType<MemberCursor["next"]>>;
      for (; open.ordinal < ordinal; open.ordinal++) {
        member = await open.cursor.next();
      }
      if (member?.entry.kind !== "file") {
        throw new AppError("internal", `Layer ${layer} changed between two readings`);
      }
      yield encodeMember(entry, member.sparse === undefined ? {} : { sparse: member.sparse });
      yield* member.data;
      yield memberPadding(member.dataLength);
    }
  } finally {
    await open?.cursor.close();
  }
  yield endOfArchive;
}

function layerName(file: string, index: number): string {
  return `${file}, layer ${index + 1}`;
}

function refused(what: string, why: string): AppError {
  return new AppError("hostile", `Refused ${what}: ${why}`);
}
