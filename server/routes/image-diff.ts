/** What changed between two versions: entries, packages, one file's text. */
import { AppError, toAppError } from "../../base/errors.ts";
import { escapePath, parseRelPath, type RelPath, unescapePath } from "../../base/path-bytes.ts";
import type { ImageName } from "../../images/manifest.ts";
import { type PackageChange, packageChanges, rpmPackageChanges } from "../../images/store/package-changes.ts";
import { type DatabaseFile, listRpmPackages } from "../../images/store/rpm-list.ts";
import type { EntryDifference } from "../../images/store/store.ts";
import { json, pathParam, type Route } from "../api/router.ts";
import type { FileVersions, ImageDiff } from "../api/schema/image.ts";
import type { Services } from "../services.ts";
import { differenceView } from "./difference-view.ts";
import { queryVersion, versionRef } from "./image-history.ts";
import { imageName, wanted } from "./results.ts";

const listedActions = 5000;
const textLimit = 4 * 1024 * 1024;
const statusLimit = 64 * 1024 * 1024;
const dpkgStatus = wanted(parseRelPath("var/lib/dpkg/status"));
/** Where distributions keep rpm's database, and the files that one kind of it or another has. */
const rpmFolders = ["usr/lib/sysimage/rpm", "var/lib/rpm"];
const rpmFiles = ["rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db", "Packages"];
const rpmLimit = 512 * 1024 * 1024;

interface Versions {
  readonly image: ImageName;
  readonly from: number;
  readonly to: number;
}

interface FoundPackages {
  readonly packages?: readonly PackageChange[];
  readonly notes: readonly string[];
}

export function imageDiffRoutes({ store }: Services): readonly Route[] {
  /** The versions that `from` and `to` of a request name; left out, the newest and the one before. */
  async function versionsOf(name: string, url: URL): Promise<Versions> {
    const image = imageName(name);
    const asked = { from: queryVersion(url, "from"), to: queryVersion(url, "to") };
    const to = (await store.resolve(versionRef(image, asked.to))).number;
    const earlier = (await store.history(image)).filter(({ number }) => number < to).at(-1)?.number;
    const from =
      asked.from === undefined ? earlier : (await store.resolve(versionRef(image, asked.from))).number;
    if (from === undefined) {
      throw new AppError("refused", `Image ${image} has no two versions to compare`);
    }
    return { image, from, to };
  }

  /** A file's bytes, or undefined where the version has no such file. */
  async function contentOf(
    version: { readonly image: ImageName; readonly number: number },
    file: { readonly path: RelPath; readonly limit: number },
  ): Promise<Uint8Array | undefined> {
    try {
      return await store.readFile(version, file.path, { limit: file.limit });
    } catch (error) {
      if (error instanceof AppError && error.code === "not-found") {
        return undefined;
      }
      throw error;
    }
  }

  /** rpm's database of a version, or undefined where it has none. */
  async function rpmDatabase(version: {
    readonly image: ImageName;
    readonly number: number;
  }): Promise<readonly DatabaseFile[] | undefined> {
    for (const folder of rpmFolders) {
      const files: DatabaseFile[] = [];
      for (const name of rpmFiles) {
        const path = wanted(parseRelPath(`${folder}/${name}`));
        const bytes = await contentOf(version, { path, limit: rpmLimit });
        if (bytes !== undefined) {
          files.push({ name, bytes });
        }
      }
      if (files.length > 0) {
        return files;
      }
    }
    return undefined;
  }

  /** What changed among rpm's packages; a note where they cannot be listed. */
  async function rpmChanges({ image, from, to }: Versions): Promise<FoundPackages> {
    // One database at a time: each may be hundreds of megabytes.
    const listOf = async (number: number): Promise<string | undefined> => {
      const files = await rpmDatabase({ image, number });
      return files === undefined ? undefined : await listRpmPackages(files);
    };
    try {
      const [old, now] = [await listOf(from), await listOf(to)];
      return old === undefined && now === undefined
        ? { notes: [] }
        : { packages: rpmPackageChanges(old ?? "", now ?? ""), notes: [] };
    } catch (error) {
      const { message } = toAppError(error, "internal");
      return { notes: [`rpm's packages are not compared, only its files: ${message}`] };
    }
  }

  async function packagesOf(versions: Versions): Promise<FoundPackages> {
    const { image, from, to } = versions;
    const file = { path: dpkgStatus, limit: statusLimit };
    const before = await contentOf({ image, number: from }, file);
    const after = await contentOf({ image, number: to }, file);
    if (before === undefined && after === undefined) {
      return rpmChanges(versions);
    }
    const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
    return { packages: packageChanges(text(before), text(after)), notes: [] };
  }

  return [
    {
      method: "GET",
      path: "/api/images/{name}/diff",
      access: "admin",
      handle: async (context) => {
        const versions = await versionsOf(pathParam(context, "name"), context.url);
        const { image, from, to } = versions;
        const differences = store.diff({ image, number: from }, { image, number: to });
        return json(await diffView(differences, { ...versions, found: await packagesOf(versions) }));
      },
    },
    {
      method: "GET",
      path: "/api/images/{name}/file",
      access: "admin",
      handle: async (context) => {
        const { image, from, to } = await versionsOf(pathParam(context, "name"), context.url);
        const asked = (context.url.searchParams.get("path") ?? "").replace(/^\/+/, "");
        const path = wanted(parseRelPath(wanted(unescapePath(asked))));
        const [before, after] = [
          await contentOf({ image, number: from }, { path, limit: textLimit }),
          await contentOf({ image, number: to }, { path, limit: textLimit }),
        ];
        if (before === undefined && after === undefined) {
          throw new AppError(
            "not-found",
            `Neither ${image}@${from} nor ${image}@${to} has a file '${asked}'`,
          );
        }
        return json({
          path: escapePath(path),
          from: fileView(from, before),
          to: fileView(to, after),
        } satisfies FileVersions);
      },
    },
  ];
}

function fileView(version: number, content: Uint8Array | undefined): FileVersions["from"] {
  const text = content === undefined ? "" : textOf(content);
  return {
    version,
    exists: content !== undefined,
    bytes: content?.length ?? 0,
    ...(text === undefined ? {} : { text }),
  };
}

function textOf(content: Uint8Array): string | undefined {
  if (content.includes(0)) {
    return undefined;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return new TextDecoder("latin1").decode(content);
  }
}

async function diffView(
  differences: AsyncIterable<EntryDifference>,
  about: Versions & { readonly found: FoundPackages },
): Promise<ImageDiff> {
  const { found, ...versions } = about;
  const actions: ImageDiff["actions"] = [];
  const summary = { write: 0, metadata: 0, delete: 0, bytes: 0 };
  const counts = { added: 0, changed: 0, removed: 0 };
  for await (const difference of differences) {
    const action = differenceView(difference);
    counts[difference.kind] += 1;
    summary[action.kind] += 1;
    summary.bytes += action.bytes ?? 0;
    if (actions.length < listedActions) {
      actions.push(action);
    }
  }
  const total = counts.added + counts.changed + counts.removed;
  return {
    ...versions,
    ...(found.packages === undefined ? {} : { packages: found.packages.map((change) => ({ ...change })) }),
    summary,
    counts,
    actions,
    truncated: total > actions.length,
    notes: [...found.notes],
  };
}
