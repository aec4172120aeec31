/**
 * An image that appears or changes its name at once, though tree and versions lie in two folders: what is meant is written
 * down in the work folder, the folder with the versions is renamed into place (from then on it has happened), the rest
 * follows. A process that dies in between leaves its note, and the next one that changes the store does the rest.
 */
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { type ImageName, parseImageName } from "../manifest.ts";
import { isWorkDead, namesIn, syncFolder, writeFully } from "./durable-file.ts";
import { type StorePaths, treePathOf, versionsPathOf } from "./store-paths.ts";

/** What is being done: an image is made of the work folder's tree, or of another image. */
export interface Placing {
  readonly to: ImageName;
  readonly from?: ImageName;
}

/** The folder that becomes the image's versions. */
export function versionsIn(work: string): string {
  return `${work}/versions`;
}

/** The folder that becomes the image's tree. */
export function treeIn(work: string): string {
  return `${work}/tree`;
}

function noteIn(work: string): string {
  return `${work}/placing.json`;
}

export async function writePlacing(work: string, placing: Placing): Promise<void> {
  const handle = await open(noteIn(work), "wx", 0o600);
  try {
    await writeFully(handle, Buffer.from(JSON.stringify(placing), "utf8"), {
      file: noteIn(work),
      position: 0,
    });
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncFolder(work);
}

/** Does what the note in a work folder still asks for: nothing where the versions have not been moved. */
export async function finishPlacing(paths: StorePaths, work: string): Promise<void> {
  const placing = await readPlacing(work);
  if (placing === undefined || (await exists(versionsIn(work)))) {
    return;
  }
  const { to, from } = placing;
  const tree = treePathOf(paths, to);
  if (!(await exists(versionsPathOf(paths, to)))) {
    return;
  }
  const source = from === undefined ? treeIn(work) : treePathOf(paths, from);
  if (!(await exists(tree)) && (await exists(source))) {
    await rename(source, tree);
    await syncFolder(paths.images);
  }
  if (from !== undefined) {
    await rm(versionsPathOf(paths, from), { recursive: true, force: true });
    await syncFolder(paths.versions);
  }
  await rm(noteIn(work), { force: true });
}

/** Finishes what dead processes left half done. Only for the one who may publish. */
export async function finishInterrupted(paths: StorePaths): Promise<void> {
  for (const name of await namesIn(paths.temporary)) {
    if (await isWorkDead(name)) {
      await finishPlacing(paths, `${paths.temporary}/${name}`);
    }
  }
}

async function readPlacing(work: string): Promise<Placing | undefined> {
  const text = await readFile(noteIn(work), "utf8").catch(() => undefined);
  if (text === undefined) {
    return undefined;
  }
  let note: { readonly to?: unknown; readonly from?: unknown };
  try {
    note = JSON.parse(text) as typeof note;
  } catch {
    // Cut short by a power cut: the versions were not moved yet, because the note is synced before.
    return undefined;
  }
  const to = parseImageName(String(note.to));
  const from = note.from === undefined ? undefined : parseImageName(String(note.from));
  if (!to.ok || from?.ok === false) {
    throw new AppError("corrupt", `The note ${noteIn(work)} names no image`);
  }
  return { to: to.value, ...(from === undefined ? {} : { from: from.value }) };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
