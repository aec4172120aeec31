/** Makes a new image of a tar file, a directory or a disk: unpacked beside the images, committed, and only then an image. */
import { mkdir, rm, stat, statfs } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { escapePath, joinPath, type RelPath } from "../../base/path-bytes.ts";
import { formatByteSize } from "../../base/quantity.ts";
import { addLayout } from "../capture/layout-file.ts";
import { openContainer } from "../container/open-container.ts";
import { openDisk } from "../disk/open-disk.ts";
import type { ListedEntry } from "../entry.ts";
import type { ImageName } from "../manifest.ts";
import type { SyncAction } from "../sync/actions.ts";
import type { ListOptions, Prune } from "../sync/listing.ts";
import { isStreamed, planSync, summarise } from "../sync/plan.ts";
import { parseTarMessages } from "../sync/tar-messages.ts";
import { encodeMember, endOfArchive, memberPadding } from "../tar/encode.ts";
import { readTar } from "../tar/stream.ts";
import { applyToTree } from "../tree/apply.ts";
import { scanTree } from "../tree/scan.ts";
import { readMembers } from "../tree/tar-tool.ts";
import { readArchiveFile } from "./archive-file.ts";
import { type ArchiveMember, type ArchivePlan, memberWeight, planArchive } from "./archive-plan.ts";
import { commitFresh } from "./commit.ts";
import type { StoreContext } from "./context.ts";
import { makeWorkFolder } from "./durable-file.ts";
import type { Incoming } from "./incoming.ts";
import { treeIn } from "./interrupted.ts";
import { letOthersRun } from "./let-others-run.ts";
import { MemberCursor } from "./member-cursor.ts";
import { refuseExisting } from "./placing.ts";
import { withSpecialMembers } from "./special-members.ts";
import type { CommitResult, ContainerSource, ImportOptions, ImportSource } from "./store.ts";

/** Members are kept in memory until the archive was read once: five million of them take as much. */
const maxWeight = 2 * 1024 ** 3;

/** Imports; the caller holds the image, which is not there yet. */
export async function importImage(
  context: StoreContext,
  request: { readonly image: ImageName; readonly source: ImportSource },
  options: ImportOptions,
): Promise<CommitResult> {
  const { image, source } = request;
  await refuseExisting(context, image);
  const work = await makeWorkFolder(context.paths.temporary);
  try {
    const tree = treeIn(work);
    await mkdir(tree);
    if (source.kind === "disk") {
      return await importDisk(context, { image, file: source.file, tree, work }, options);
    }
    if (source.kind === "container") {
      return await importContainer(context, { image, source, tree, work }, options);
    }
    const from =
      source.kind === "tar"
        ? await planTar(source.file, options)
        : await planFolder(context, source.folder, options);
    await unpack(from, { tree, work, what: source.kind === "tar" ? source.file : source.folder, options });
    if (options.layoutText !== undefined) {
      await addLayout(tree, options.layoutText);
    }
    return await commitFresh(context, { image, tree, work, options });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A disk is closed before the tree is committed: what was unpacked of it is no longer needed then. */
async function importDisk(
  context: StoreContext,
  task: {
    readonly image: ImageName;
    readonly file: string;
    readonly tree: string;
    readonly work: string;
  },
  options: ImportOptions,
): Promise<CommitResult> {
  const { file, tree, work } = task;
  const scratch = `${work}/disk`;
  await mkdir(scratch);
  const disk = await openDisk(file, { work: scratch, ...options });
  try {
    const prune = disk.facts.mounts.map(
      ({ mountPoint }): Prune => ({
        path: joinPath(mountPoint.slice(1) as RelPath, "lost+found"),
        keep: "nothing",
      }),
    );
    const from =
      disk.tree.kind === "folder"
        ? await planListed(disk.tree.root, { prune, ...options })
        : await planTar(disk.tree.file, { ...options, listed: disk.tree.listed });
    await unpack(from, { tree, work, what: file, options });
  } finally {
    await disk.close();
    await rm(scratch, { recursive: true, force: true });
  }
  const layout = options.layout === undefined ? "present" : await addLayout(tree, options.layout(disk.facts));
  const notes = [...disk.notes, ...layoutNotes[layout]];
  for (const note of notes) {
    options.onNote?.(note);
  }
  const { hostname, os, kernel, firmware } = disk.facts;
  const source = { host: hostname, os: os.prettyName, kernel, firmware };
  return await commitFresh(context, { image: task.image, tree, work, options: { ...options, source } });
}

/** What was unpacked of the archive goes before the tree is committed. */
async function importContainer(
  context: StoreContext,
  task: {
    readonly image: ImageName;
    readonly source: ContainerSource;
    readonly tree: string;
    readonly work: string;
  },
  options: ImportOptions,
): Promise<CommitResult> {
  const { source, tree, work } = task;
  const scratch = `${work}/container`;
  await mkdir(scratch);
  const container = await openContainer(source, { work: scratch, ...options });
  await unpack(container, { tree, work, what: source.file, options });
  await rm(scratch, { recursive: true, force: true });
  for (const note of container.notes) {
    options.onNote?.(note);
  }
  const from = { ...options, source: container.source };
  return await commitFresh(context, { image: task.image, tree, work, options: from });
}

const layoutNotes: Readonly<Record<Awaited<ReturnType<typeof addLayout>>, readonly string[]>> = {
  written: [],
  present: ["the disk has an autoinstallscript.conf already; it was kept"],
  "no-folder": ["no autoinstallscript.conf was written: /etc/systemimager is no directory"],
};

/** Writes what is coming into the tree. */
async function unpack(
  from: Incoming,
  to: {
    readonly tree: string;
    readonly work: string;
    readonly what: string;
    readonly options: ImportOptions;
  },
): Promise<void> {
  const { options } = to;
  await checkSpace(to.work, from.bytes);
  const { actions } = from;
  const totals = { filesTotal: actions.length, bytesTotal: from.bytes };
  const result = await applyToTree({
    root: to.tree,
    actions,
    tar: from.tar,
    ...(from.afterStream === undefined ? {} : { afterStream: from.afterStream }),
    onProgress: (progress) => options.onProgress?.({ ...totals, ...progress, phase: "unpack" }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const [missing] = [...result.torn, ...result.vanished, ...result.kept];
  if (missing !== undefined) {
    throw moved(to.what, missing);
  }
}

/** Reads the archive once, to its end: nothing is written of one that is not whole. */
async function planTar(
  file: string,
  options: ImportOptions & { readonly listed?: readonly ListedEntry[] },
): Promise<Incoming> {
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const members: ArchiveMember[] = [];
  let weight = 0;
  let offset = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const bytes of readArchiveFile(file, signal)) {
      options.signal?.throwIfAborted();
      yield bytes;
      offset += bytes.length;
      options.onProgress?.({ phase: "check", files: members.length, bytes: offset });
    }
  }
  for await (const events of readTar(counted(), { what: file })) {
    for (const event of events) {
      if (event.kind === "entry") {
        weight += memberWeight(event.entry);
        if (weight > maxWeight) {
          throw new AppError(
            "hostile",
            `Refused ${file}, after byte ${offset}: the names and attributes of its ${members.length} members and more take over ${formatByteSize(maxWeight)} of memory`,
          );
        }
        members.push({ entry: event.entry, dataLength: event.dataLength, offset });
      }
    }
  }
  if (members.length === 0) {
    throw new AppError("bad-input", `${file} holds nothing`);
  }
  const plan = await letOthersRun(planArchive(withSpecialMembers(members, options.listed ?? [])), signal);
  if (!plan.ok) {
    const { message, path, offset: at } = plan.error;
    throw new AppError(
      "hostile",
      `Refused ${file} at member '${escapePath(path)}', after byte ${at}: ${message}`,
      {
        fields: { file, offset: at },
      },
    );
  }
  const { directories, others, bytes } = plan.value;
  const actions = [...directories, ...others.map(({ entry }) => entry)].map(
    (entry): SyncAction => ({ kind: "write", entry, changes: ["missing"] }),
  );
  return { actions, bytes, tar: normalised(file, { plan: plan.value, ...signal }) };
}

/** The archive as the plan wants it: directories first, each name once. */
async function* normalised(
  file: string,
  options: { readonly plan: ArchivePlan; readonly signal?: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { plan, ...signal } = options;
  for (const directory of plan.directories) {
    yield encodeMember(directory);
  }
  const cursor = new MemberCursor(readTar(readArchiveFile(file, signal), { what: file }));
  try {
    let ordinal = -1;
    for (const wanted of plan.others) {
      if (wanted.entry.kind === "socket") {
        // No archive holds one: it comes from a listing.
        continue;
      }
      let member = await cursor.next();
      for (ordinal += 1; ordinal < wanted.ordinal; ordinal++) {
        member = await cursor.next();
      }
      if (member === undefined || member.entry.path !== wanted.entry.path) {
        throw moved(file, wanted.entry.path);
      }
      if (wanted.entry.kind === "hardlink" || member.entry.kind === "hardlink") {
        continue;
      }
      yield encodeMember(member.entry, member.sparse === undefined ? {} : { sparse: member.sparse });
      yield* member.data;
      yield memberPadding(member.dataLength);
    }
  } finally {
    await cursor.close();
  }
  yield endOfArchive;
}

async function planFolder(context: StoreContext, folder: string, options: ImportOptions): Promise<Incoming> {
  if ((await stat(folder).catch(() => undefined))?.isDirectory() !== true) {
    throw new AppError("not-found", `${folder} is no directory on the server`);
  }
  if (`${context.paths.images}/`.startsWith(`${folder.replace(/\/+$/, "")}/`)) {
    throw new AppError(
      "refused",
      `${folder} holds Ingot's own state folder, which would be imported with it`,
      {
        hint: "Capture the machine instead: ingot capture IMAGE localhost",
      },
    );
  }
  return planListed(folder, { oneFileSystem: true, ...options });
}

async function planListed(
  folder: string,
  options: ImportOptions & Pick<ListOptions, "oneFileSystem" | "prune">,
): Promise<Incoming> {
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  options.onProgress?.({ phase: "list" });
  const { oneFileSystem = false, prune = [] } = options;
  const listed = await scanTree(folder, { oneFileSystem, prune, ...signal });
  const actions = [
    ...planSync({
      source: listed.map((item) => item.entry),
      target: [],
      options: { deleteExtraneous: false },
    }),
  ];
  const paths = actions
    .filter(isStreamed)
    .flatMap((action) => (action.kind === "write" ? [action.entry.path] : []));
  const running = readMembers({ root: folder, paths, ...signal });
  return {
    actions,
    // Sparse files take what they hold.
    bytes: Math.min(
      summarise(actions).bytes,
      listed.reduce((sum, item) => sum + item.allocated, 0),
    ),
    tar: running.stdout,
    async afterStream() {
      const { code, stderr } = await running.exit;
      const messages = parseTarMessages(stderr);
      const [torn] = [...messages.torn, ...messages.vanished];
      if (torn !== undefined) {
        throw moved(folder, torn);
      }
      if (code !== 0) {
        throw new AppError("io", `Cannot read ${folder}: ${stderr.trim()}`);
      }
      return { torn: [] };
    },
  };
}

/** Refuses before anything is written where the disk cannot hold it. */
async function checkSpace(work: string, bytes: number): Promise<void> {
  const disk = await statfs(work);
  const free = disk.bavail * disk.bsize;
  if (bytes > free) {
    throw new AppError(
      "no-space",
      `The import needs ${formatByteSize(bytes)} and only ${formatByteSize(free)} are free in the state folder`,
      { hint: "Remove old versions or images, or put the state folder on a larger disk." },
    );
  }
}

function moved(source: string, path: RelPath): AppError {
  return new AppError("conflict", `${source} changed while it was imported: '${escapePath(path)}'`, {
    hint: "Stop what is writing into it and import again.",
  });
}
