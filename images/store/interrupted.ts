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
  /** An image that has the name goes in the same moment. */
  readonly replace?: boolean;
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

/** Where the versions of an image that is being replaced wait until the new ones stand. */
function oldVersionsIn(work: string): string {
  return `${work}/old-versions`;
}

/** Makes room for the versions of the work folder, whose note says that an image is replaced. */
export async function putOldAside(paths: StorePaths, work: string, image: ImageName): Promise<void> {
  if (await exists(versionsPathOf(paths, image))) {
    await rename(versionsPathOf(paths, image), oldVersionsIn(work));
    await syncFolder(work);
    await syncFolder(paths.versions);
  }
}

/**
 * Does what the note in a work folder still asks for. Where the new versions have not been moved nothing has happened: those of an image
 * that was to be replaced go back.
 */
export async function finishPlacing(paths: StorePaths, work: string): Promise<void> {
  const placing = await readPlacing(work);
  if (placing === undefined) {
    return;
  }
  const { to, from, replace } = placing;
  if (await exists(versionsIn(work))) {
    if (replace === true && (await exists(oldVersionsIn(work)))) {
      await rename(oldVersionsIn(work), versionsPathOf(paths, to));
      await syncFolder(paths.versions);
    }
    return;
  }
  const tree = treePathOf(paths, to);
  if (!(await exists(versionsPathOf(paths, to)))) {
    return;
  }
  const source = from === undefined ? treeIn(work) : treePathOf(paths, from);
  if (replace === true && (await exists(source)) && (await exists(tree))) {
    // The old image's: the new one is still where it comes from.
    await rename(tree, `${paths.images}/${removedPrefix}${to}-${work.slice(work.lastIndexOf("/") + 1)}`);
    await syncFolder(paths.images);
  }
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

/** What an image's tree is called while it is being removed: no image can have such a name. */
export const removedPrefix = ".removed-";

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
  let note: { readonly to?: unknown; readonly from?: unknown; readonly replace?: unknown };
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
  return {
    to: to.value,
    ...(from === undefined ? {} : { from: from.value }),
    ...(note.replace === true ? { replace: true } : {}),
  };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
