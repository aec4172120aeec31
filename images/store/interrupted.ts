/**
 * An image that appears, changes its name or goes at once, though tree and versions lie in two folders: what is meant is written
 * down in the work folder, the folder with the versions is renamed into place, or out of it (from then on it has happened), the
 * rest follows. A process that dies in between leaves its note, and the next one that changes the store does the rest.
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
  /** The other image has versions only, and so has what becomes of it. */
  readonly treeless?: boolean;
}

/** What is being done: an image goes, with its versions and its tree. */
interface Removing {
  readonly remove: ImageName;
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
  return `${work}/intent.json`;
}

/** Writes down what is about to be done with the work folder; durable when it returns. */
export async function writeIntent(work: string, intent: Placing | Removing): Promise<void> {
  const handle = await open(noteIn(work), "wx", 0o600);
  try {
    await writeFully(handle, Buffer.from(JSON.stringify(intent), "utf8"), {
      file: noteIn(work),
      position: 0,
    });
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncFolder(work);
}

/** Where the versions of an image that is being replaced, or removed, wait until it is done. */
function oldVersionsIn(work: string): string {
  return `${work}/old-versions`;
}

/** Takes an image's versions into the work folder, whose note says that it is replaced or removed. */
export async function putOldAside(paths: StorePaths, work: string, image: ImageName): Promise<void> {
  if (await exists(versionsPathOf(paths, image))) {
    await rename(versionsPathOf(paths, image), oldVersionsIn(work));
    await syncFolder(work);
    await syncFolder(paths.versions);
  }
}

/** Gives an image its versions back, where they are in the work folder. */
export async function putOldBack(paths: StorePaths, work: string, image: ImageName): Promise<void> {
  if (await exists(oldVersionsIn(work))) {
    await rename(oldVersionsIn(work), versionsPathOf(paths, image));
    await syncFolder(paths.versions);
  }
}

/**
 * Does what the note in a work folder still asks for. Where what makes it happen has not been renamed, nothing has happened: the versions
 * of an image that was to be replaced go back.
 */
export async function finishIntent(paths: StorePaths, work: string): Promise<void> {
  const intent = await readIntent(work);
  if (intent === undefined) {
    return;
  }
  await ("remove" in intent ? finishRemoving(paths, work, intent) : finishPlacing(paths, work, intent));
  // Also where nothing has happened: nothing shall, when the folder is found again.
  await rm(noteIn(work), { force: true });
}

async function finishPlacing(paths: StorePaths, work: string, placing: Placing): Promise<void> {
  const { to, from, replace, treeless } = placing;
  if (await exists(versionsIn(work))) {
    if (replace === true) {
      await putOldBack(paths, work, to);
    }
    return;
  }
  const tree = treePathOf(paths, to);
  if (!(await exists(versionsPathOf(paths, to)))) {
    return;
  }
  const source = from === undefined ? treeIn(work) : treePathOf(paths, from);
  const waits = await exists(source);
  if (replace === true && (waits || treeless === true)) {
    // The old image's: the new one is still where it comes from, or there is none.
    await putTreeAside(paths, work, to);
  }
  if (waits && !(await exists(tree))) {
    await rename(source, tree);
    await syncFolder(paths.images);
  }
  if (from !== undefined) {
    await rm(versionsPathOf(paths, from), { recursive: true, force: true });
    await syncFolder(paths.versions);
  }
}

async function finishRemoving(paths: StorePaths, work: string, { remove }: Removing): Promise<void> {
  if (!(await exists(versionsPathOf(paths, remove)))) {
    await putTreeAside(paths, work, remove);
  }
}

/** The tree is no image's from now on; it is removed with the garbage. */
async function putTreeAside(paths: StorePaths, work: string, image: ImageName): Promise<void> {
  const tree = treePathOf(paths, image);
  if (await exists(tree)) {
    await rename(tree, `${paths.images}/${removedPrefix}${image}-${work.slice(work.lastIndexOf("/") + 1)}`);
    await syncFolder(paths.images);
  }
}

/** What an image's tree is called while it is being removed: no image can have such a name. */
export const removedPrefix = ".removed-";

/** Finishes what dead processes left half done. Only for the one who may publish. */
export async function finishInterrupted(paths: StorePaths): Promise<void> {
  for (const work of await interrupted(paths)) {
    await finishIntent(paths, work);
  }
}

/** Work folders of dead processes in which a note says what they were about to do. */
export async function interrupted(paths: StorePaths): Promise<readonly string[]> {
  const left: string[] = [];
  for (const name of await namesIn(paths.temporary)) {
    const work = `${paths.temporary}/${name}`;
    if ((await isWorkDead(name)) && (await exists(noteIn(work)))) {
      left.push(work);
    }
  }
  return left;
}

async function readIntent(work: string): Promise<Placing | Removing | undefined> {
  const text = await readFile(noteIn(work), "utf8").catch(() => undefined);
  if (text === undefined) {
    return undefined;
  }
  let note: Readonly<Record<string, unknown>>;
  try {
    note = JSON.parse(text) as typeof note;
  } catch {
    // Cut short by a power cut: nothing was moved yet, because the note is synced before.
    return undefined;
  }
  const nameOf = (value: unknown): ImageName => {
    const name = parseImageName(String(value));
    if (!name.ok) {
      throw new AppError("corrupt", `The note ${noteIn(work)} names no image`);
    }
    return name.value;
  };
  if (note.remove !== undefined) {
    return { remove: nameOf(note.remove) };
  }
  return {
    to: nameOf(note.to),
    ...(note.from === undefined ? {} : { from: nameOf(note.from) }),
    ...(note.replace === true ? { replace: true } : {}),
    ...(note.treeless === true ? { treeless: true } : {}),
  };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
