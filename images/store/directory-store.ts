/** The image store in a folder: the one implementation of the port. docs/image-format.md says what lies where. */

import { mkdir, stat } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { type Clock, discardLog, type Log } from "../../base/ports.ts";
import { exportContainer } from "../container/export-container.ts";
import type { FileEntry } from "../entry.ts";
import {
  formatVersion,
  type ImageName,
  type Manifest,
  type VersionId,
  type VersionRef,
} from "../manifest.ts";
import { KnownBlocks } from "../remote/known-blocks.ts";
import { commitTree } from "./commit.ts";
import type { StoreContext } from "./context.ts";
import { copyVersion } from "./copy.ts";
import { differences } from "./difference.ts";
import { exportTar } from "./export-tar.ts";
import { importImage } from "./import-tree.ts";
import { interrupted } from "./interrupted.ts";
import { takeLock } from "./lock-file.ts";
import { moveImage } from "./move.ts";
import { resolveVersion, versionNumbers } from "./open-version.ts";
import { PackIndexes } from "./pack-indexes.ts";
import { pruneImage } from "./prune.ts";
import { collectGarbage, whileOnlyPublisher } from "./publish.ts";
import { Recent } from "./recent.ts";
import { removeImage } from "./remove.ts";
import { makingRoom } from "./reserve.ts";
import { rollbackTree } from "./rollback.ts";
import type {
  CommitOptions,
  CommitResult,
  EntryDifference,
  ExportOptions,
  ImageLock,
  ImageStore,
  ImageSummary,
  ImportOptions,
  ImportSource,
  MembersOptions,
  PruneOptions,
  PruneResult,
  ReplaceOptions,
  RollbackOptions,
  RollbackResult,
  VerifyReport,
  VersionDetails,
  VersionStream,
  WaitOptions,
} from "./store.ts";
import { storePaths, treePathOf } from "./store-paths.ts";
import { imageHistory, listImages, manifestOf, mustExist, versionDetails } from "./summaries.ts";
import { readTags } from "./tag-file.ts";
import { changeTags } from "./tags.ts";
import { verifyVersions } from "./verify.ts";
import { readVersionFile, versionEntries, versionMembers, versionTable } from "./version-members.ts";
import { openVersionStream, type PlannedStream } from "./version-stream.ts";
import type { VersionTable } from "./version-table.ts";

export interface DirectoryStoreOptions {
  /** The state folder. */
  readonly state: string;
  /** Where the trees are, if that is not `images/` in it; on the same filesystem. */
  readonly images?: string;
  readonly clock: Clock;
  readonly log?: Log;
  /** zstd level of packs; 3 unless told. */
  readonly level?: number;
  /** zstd processes at the same time; 2 unless told. */
  readonly concurrency?: number;
}

export class DirectoryStore implements ImageStore {
  readonly #context: StoreContext;
  readonly #tables = new Recent<VersionTable>();
  readonly #streams = new Recent<PlannedStream>();
  readonly blocks = new KnownBlocks();

  constructor(options: DirectoryStoreOptions) {
    this.#context = {
      paths: storePaths(options.state, options.images),
      indexes: new PackIndexes(),
      clock: options.clock,
      log: options.log ?? discardLog,
      level: options.level ?? 3,
      concurrency: options.concurrency ?? 2,
    };
  }

  treePath(image: ImageName): string {
    return treePathOf(this.#context.paths, image);
  }

  async prepareTree(lock: ImageLock): Promise<string> {
    const tree = this.treePath(lock.image);
    await mkdir(tree, { recursive: true });
    return tree;
  }

  async lock(image: ImageName, options: { readonly holder: string }): Promise<ImageLock> {
    const taken = await takeLock(this.#context.paths.locks, { name: image, holder: options.holder });
    if ("heldBy" in taken) {
      throw new AppError("conflict", `Image ${image} is in use: ${taken.heldBy} holds it`, {
        hint: "Wait until it is done, or stop it.",
        fields: { image, holder: taken.heldBy },
      });
    }
    try {
      await this.#settle();
    } catch (error) {
      await taken.release();
      throw error;
    }
    return { image, holder: taken.holder, release: taken.release };
  }

  /** Whoever begins to work with an image finds none that a dead process has left half removed or half replaced. */
  async #settle(): Promise<void> {
    if ((await interrupted(this.#context.paths)).length > 0) {
      await whileOnlyPublisher(this.#context, { holder: "a recovery", work: () => Promise.resolve() });
    }
  }

  async commit(image: ImageName, options: CommitOptions): Promise<CommitResult> {
    if (options.lock !== undefined && options.lock.image !== image) {
      throw new AppError("internal", `A lock on ${options.lock.image} was given for a commit of ${image}`);
    }
    return this.#holding(image, { ...options, holder: "a commit" }, async () => {
      const tree = await stat(this.treePath(image)).catch(() => undefined);
      if (tree?.isDirectory() !== true) {
        throw new AppError("not-found", `Image ${image} has no tree at ${this.treePath(image)}`, {
          hint: `Capture one: ingot capture ${image} HOST`,
        });
      }
      return await commitTree(this.#context, image, options);
    });
  }

  list(): Promise<readonly ImageSummary[]> {
    return listImages(this.#context);
  }

  async resolve(ref: VersionRef): Promise<Manifest> {
    return manifestOf(this.#context, await resolveVersion(this.#context.paths, ref));
  }

  history(image: ImageName): Promise<readonly Manifest[]> {
    return imageHistory(this.#context, image);
  }

  async show(ref: VersionRef): Promise<VersionDetails> {
    return versionDetails(this.#context, await this.resolve(ref));
  }

  entries(ref: VersionRef): AsyncIterable<FileEntry> {
    return versionEntries(this.#context, ref);
  }

  async table(ref: VersionRef): Promise<VersionTable> {
    const manifest = await this.resolve(ref);
    return this.#tables.get(manifest, () => versionTable(this.#context, manifest));
  }

  versionStream(ref: VersionRef, options: { readonly signal?: AbortSignal } = {}): Promise<VersionStream> {
    return openVersionStream(this.#context, ref, { ...options, recent: this.#streams });
  }

  members(
    ref: VersionRef,
    paths: readonly RelPath[],
    options: MembersOptions = {},
  ): AsyncIterable<Uint8Array> {
    return versionMembers(this.#context, { ref, paths, ...options });
  }

  readFile(ref: VersionRef, path: RelPath, options: { readonly limit: number }): Promise<Uint8Array> {
    return readVersionFile(this.#context, { ref, path, limit: options.limit });
  }

  async verify(ref: VersionRef, options: WaitOptions = {}): Promise<VerifyReport> {
    const one = ref.number !== undefined || ref.tag !== undefined;
    const newest = await resolveVersion(this.#context.paths, ref);
    const numbers = one ? [newest.number] : await versionNumbers(this.#context.paths, ref.image);
    const versions = numbers.map((number) => ({ image: ref.image, number }));
    return verifyVersions(this.#context, { ...options, versions });
  }

  diff(before: VersionRef, after: VersionRef): AsyncIterable<EntryDifference> {
    return differences(this.entries(before), this.entries(after));
  }

  async tags(image: ImageName): Promise<ReadonlyMap<string, number>> {
    return new Map([...(await readTags(this.#context.paths, image))].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  async tag(ref: VersionRef, tag: string): Promise<VersionId> {
    const { paths } = this.#context;
    let id = await resolveVersion(paths, ref);
    await changeTags(this.#context, ref.image, async (tags) => {
      // Once more: it may have been pruned before nobody else could.
      id = await resolveVersion(paths, id);
      return new Map([...tags, [tag, id.number]]);
    });
    return id;
  }

  async untag(image: ImageName, tag: string): Promise<void> {
    await changeTags(this.#context, image, (tags) => {
      if (!tags.has(tag)) {
        throw new AppError("not-found", `Image ${image} has no tag ${tag}`, {
          hint: tags.size === 0 ? "It has no tags." : `Its tags are ${[...tags.keys()].join(", ")}.`,
        });
      }
      return new Map([...tags].filter(([name]) => name !== tag));
    });
  }

  async rollback(ref: VersionRef, options: RollbackOptions = {}): Promise<RollbackResult> {
    const id = await resolveVersion(this.#context.paths, ref);
    return this.#holding(id.image, { holder: `a rollback to ${formatVersion(id)}` }, () =>
      rollbackTree(this.#context, id, options),
    );
  }

  async copy(from: VersionRef, to: ImageName, options: ReplaceOptions = {}): Promise<Manifest> {
    const id = await resolveVersion(this.#context.paths, from);
    return this.#holding(to, { holder: `a copy of ${formatVersion(id)}` }, () =>
      copyVersion(this.#context, { from: id, to }, options),
    );
  }

  async move(from: ImageName, to: ImageName, options: ReplaceOptions = {}): Promise<readonly Manifest[]> {
    const holder = `a move of ${from} to ${to}`;
    return this.#holdingExisting(from, { holder }, () =>
      this.#holding(to, { holder }, () => moveImage(this.#context, { from, to }, options)),
    );
  }

  /** Finishes, or takes back, what a process that died had begun, and clears what it left: for the start of the daemon. */
  async recover(): Promise<void> {
    await makingRoom(this.#context.paths, () =>
      whileOnlyPublisher(this.#context, {
        holder: "the start of the daemon",
        work: () => collectGarbage(this.#context),
      }),
    );
  }

  async prune(image: ImageName, options: PruneOptions): Promise<PruneResult> {
    return makingRoom(this.#context.paths, () =>
      this.#holdingExisting(image, { holder: "a prune" }, () => pruneImage(this.#context, image, options)),
    );
  }

  async importImage(image: ImageName, source: ImportSource, options: ImportOptions): Promise<CommitResult> {
    return this.#holding(image, { holder: "an import" }, () =>
      importImage(this.#context, { image, source }, options),
    );
  }

  async exportTar(
    ref: VersionRef,
    file: string,
    options: ExportOptions = {},
  ): Promise<{ readonly manifest: Manifest; readonly bytes: number }> {
    const version = await resolveVersion(this.#context.paths, ref);
    return exportTar(this.#context, { version, file }, options);
  }

  async exportContainer(
    ref: VersionRef,
    file: string,
    options: ExportOptions = {},
  ): Promise<{ readonly manifest: Manifest; readonly bytes: number }> {
    const version = await resolveVersion(this.#context.paths, ref);
    return exportContainer(this.#context, { version, file }, options);
  }

  async remove(image: ImageName, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await makingRoom(this.#context.paths, () =>
      this.#holdingExisting(image, { holder: "a removal" }, () => removeImage(this.#context, image, options)),
    );
  }

  /** Runs `work` while holding an image that is there: somebody may have moved or removed it until it was free. */
  #holdingExisting<T>(
    image: ImageName,
    options: { readonly holder: string },
    work: () => Promise<T>,
  ): Promise<T> {
    return this.#holding(image, options, async () => {
      await mustExist(this.#context, image);
      return await work();
    });
  }

  /** Runs `work` while holding the image: by the caller's lock, or one of its own. */
  async #holding<T>(
    image: ImageName,
    options: { readonly lock?: ImageLock; readonly holder: string },
    work: () => Promise<T>,
  ): Promise<T> {
    if (options.lock !== undefined) {
      return work();
    }
    const lock = await this.lock(image, { holder: options.holder });
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }
}
