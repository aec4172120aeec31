/** Looks through the folder of a SystemImager server, as far as it is taken over. */
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { AppError, toAppError } from "../../base/errors.ts";
import type { SystemImagerFacts } from "./plan.ts";

const textLimit = 1024 * 1024;

/** `folder` is what was /var/lib/systemimager there, or a copy of the server's root. */
export async function readSystemImager(request: {
  readonly folder: string;
  readonly cluster?: string;
  readonly images: readonly string[];
}): Promise<SystemImagerFacts> {
  const given = request.folder.replace(/(?<=.)\/+$/, "");
  const inRoot = `${given}/var/lib/systemimager`;
  const folder = (await kindOf(`${inRoot}/images`)) === "directory" ? inRoot : given;
  if ((await kindOf(`${folder}/images`)) !== "directory") {
    throw new AppError("not-found", `${given} is no folder of a SystemImager server: it has no images/`, {
      hint: "It is /var/lib/systemimager there, and must be on this server.",
    });
  }
  const root = folder.endsWith("/var/lib/systemimager") ? dirname(dirname(dirname(folder))) : undefined;
  const clusterFiles =
    request.cluster === undefined
      ? [
          `${folder}/cluster.xml`,
          ...(root === undefined ? [] : [`${root.replace(/\/$/, "")}/etc/systemimager/cluster.xml`]),
        ]
      : [request.cluster];
  const cluster = await firstText(clusterFiles);
  if (request.cluster !== undefined && cluster === undefined) {
    throw new AppError("not-found", `There is no file ${request.cluster}`);
  }
  const scripts = await namesIn(`${folder}/scripts`);
  const images = await imagesIn(`${folder}/images`);
  const hostScripts = (
    await Promise.all(scripts.map((name) => hostScript(`${folder}/scripts`, name)))
  ).flat();
  const linked = new Set(hostScripts.map(({ host }) => `${host}.sh`));
  const used = new Set([
    "images",
    "overrides",
    "scripts",
    "clients.xml",
    "cluster.xml",
    "README",
    "DO_NOT_TOUCH_THESE_DIRECTORIES",
  ]);
  const usedScripts = new Set(["pre-install", "post-install", "disks-layouts", "hosts", ...linked]);
  const [hosts, clients] = [await textOf(`${folder}/scripts/hosts`), await textOf(`${folder}/clients.xml`)];
  return {
    folder,
    wanted: request.images,
    images,
    overrides: await foldersIn(`${folder}/overrides`),
    layouts: (await namesIn(`${folder}/scripts/disks-layouts`)).flatMap((name) =>
      name.endsWith(".xml") ? [name.slice(0, -".xml".length)] : [],
    ),
    scripts: {
      "pre-install": await filesIn(`${folder}/scripts/pre-install`),
      "post-install": await filesIn(`${folder}/scripts/post-install`),
    },
    hostScripts,
    others: [
      ...(await foldersIn(`${folder}/images`))
        .filter((name) => !images.some((image) => image.name === name))
        .map((name) => `images/${name}`),
      ...(await namesIn(folder)).filter((name) => !used.has(name)),
      ...scripts.filter((name) => !usedScripts.has(name)).map((name) => `scripts/${name}`),
    ],
    ...(cluster === undefined ? {} : { cluster }),
    ...(hosts === undefined ? {} : { hosts }),
    ...(clients === undefined ? {} : { clients }),
  };
}

async function imagesIn(folder: string): Promise<SystemImagerFacts["images"]> {
  const images: SystemImagerFacts["images"][number][] = [];
  for (const name of await foldersIn(folder)) {
    // Such a folder is a placeholder of SystemImager's packages, or no system at all.
    if ((await kindOf(`${folder}/${name}/etc`)) !== "directory") {
      continue;
    }
    const retrieved = await noteOf(`${folder}/${name}`, "IMAGE_RETRIEVAL_TIME");
    const from = await noteOf(`${folder}/${name}`, "IMAGE_RETRIEVED_FROM");
    images.push({
      name,
      ...(retrieved === undefined ? {} : { retrieved }),
      ...(from === undefined ? {} : { from }),
    });
  }
  return images;
}

/** One line that SystemImager wrote into the image; the folders on the way must be folders. */
async function noteOf(image: string, name: string): Promise<string | undefined> {
  if ((await kindOf(`${image}/etc/systemimager`)) !== "directory") {
    return undefined;
  }
  const text = (await textOf(`${image}/etc/systemimager/${name}`))?.split("\n")[0]?.trim();
  return text === undefined || !/^[\x21-\x7e][\x20-\x7e]{0,99}$/.test(text) ? undefined : text;
}

async function hostScript(folder: string, name: string): Promise<SystemImagerFacts["hostScripts"]> {
  if (!name.endsWith(".sh") || (await kindOf(`${folder}/${name}`)) !== "link") {
    return [];
  }
  const target = basename(await readlink(`${folder}/${name}`));
  return [{ host: name.slice(0, -".sh".length), script: target.replace(/\.(?:master|sh)$/, "") }];
}

async function firstText(files: readonly string[]) {
  for (const file of files) {
    const text = await textOf(file);
    if (text !== undefined) {
      return { file, text };
    }
  }
  return undefined;
}

/** A regular file's text (latin1), not followed over a link, at most 1 MiB (`hostile`); undefined where there is none. */
export async function textOf(file: string): Promise<string | undefined> {
  if ((await kindOf(file)) !== "file") {
    return undefined;
  }
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    if (size > textLimit) {
      throw new AppError(
        "hostile",
        `Refused ${file}: it has ${size} bytes, and over ${textLimit} are not read`,
      );
    }
    return await handle.readFile("latin1");
  } finally {
    await handle.close();
  }
}

async function kindOf(path: string): Promise<"file" | "directory" | "link" | "other" | undefined> {
  try {
    const found = await lstat(path);
    return found.isFile()
      ? "file"
      : found.isDirectory()
        ? "directory"
        : found.isSymbolicLink()
          ? "link"
          : "other";
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) {
      return undefined;
    }
    throw toAppError(error, "io");
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await kindOf(folder)) === "directory"
    ? (await readdir(folder)).sort((a, b) => (a < b ? -1 : 1))
    : [];
}

async function ofKind(folder: string, kind: "file" | "directory"): Promise<readonly string[]> {
  const names = await namesIn(folder);
  const kinds = await Promise.all(names.map((name) => kindOf(`${folder}/${name}`)));
  return names.filter((_name, index) => kinds[index] === kind);
}

const foldersIn = (folder: string) => ofKind(folder, "directory");
const filesIn = (folder: string) => ofKind(folder, "file");
