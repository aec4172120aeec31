/** What changed between two versions: entries, packages, one file's text. */
import { AppError } from "../../base/errors.ts";
import { escapePath, parseRelPath, type RelPath, unescapePath } from "../../base/path-bytes.ts";
import type { ImageName } from "../../images/manifest.ts";
import { packageChanges } from "../../images/store/package-changes.ts";
import type { EntryDifference } from "../../images/store/store.ts";
import { json, pathParam, type Route } from "../api/router.ts";
import type { FileVersions, ImageDiff, PlannedAction } from "../api/schema.ts";
import type { Services } from "../services.ts";
import { versionRef } from "./image-history.ts";
import { imageName, wanted } from "./results.ts";

const listedActions = 5000;
const textLimit = 4 * 1024 * 1024;
const statusLimit = 64 * 1024 * 1024;
const dpkgStatus = wanted(parseRelPath("var/lib/dpkg/status"));
const rpmDatabases: ReadonlySet<string> = new Set([
  "var/lib/rpm/rpmdb.sqlite",
  "var/lib/rpm/Packages",
  "var/lib/rpm/Packages.db",
  "usr/lib/sysimage/rpm/rpmdb.sqlite",
  "usr/lib/sysimage/rpm/Packages.db",
]);

interface Versions {
  readonly image: ImageName;
  readonly from: number;
  readonly to: number;
}

/** A version's number or tag from a request's query. */
export function queryVersion(url: URL, name: string): number | string | undefined {
  const text = url.searchParams.get(name) ?? "";
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : text === "" ? undefined : text;
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

  async function packagesOf({ image, from, to }: Versions): Promise<Pick<ImageDiff, "packages">> {
    const file = { path: dpkgStatus, limit: statusLimit };
    const before = await contentOf({ image, number: from }, file);
    const after = await contentOf({ image, number: to }, file);
    if (before === undefined && after === undefined) {
      return {};
    }
    const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
    return { packages: packageChanges(text(before), text(after)).map((change) => ({ ...change })) };
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
        return json(await diffView(differences, { ...versions, ...(await packagesOf(versions)) }));
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
  about: Versions & Pick<ImageDiff, "packages">,
): Promise<ImageDiff> {
  const actions: PlannedAction[] = [];
  const notes: string[] = [];
  const counts = { write: 0, metadata: 0, delete: 0, bytes: 0 };
  for await (const difference of differences) {
    const action = actionOf(difference);
    counts[action.kind] += 1;
    counts.bytes += action.bytes ?? 0;
    if (rpmDatabases.has(difference.path) && notes.length === 0) {
      notes.push("rpm's database changed: its packages are not compared, only its files");
    }
    if (actions.length < listedActions) {
      actions.push(action);
    }
  }
  const total = counts.write + counts.metadata + counts.delete;
  return { ...about, summary: counts, actions, truncated: total > actions.length, notes };
}

function actionOf(difference: EntryDifference): PlannedAction {
  const entry = difference.after ?? difference.before;
  const path = escapePath(difference.path);
  if (difference.kind === "removed") {
    return { kind: "delete", path, changes: [], ...(entry === undefined ? {} : { entry: entry.kind }) };
  }
  const content = ["missing", "type", "content", "link-target", "device-number", "hard-links"];
  const writes = difference.kind === "added" || difference.changes.some((change) => content.includes(change));
  return {
    kind: writes ? "write" : "metadata",
    path,
    changes: difference.kind === "added" ? ["missing"] : [...difference.changes],
    ...(entry === undefined ? {} : { entry: entry.kind }),
    ...(writes && entry?.kind === "file" ? { bytes: entry.size } : {}),
  };
}
