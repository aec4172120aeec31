/**
 * Finds or makes the place of each entry of a commit: in the packs that are there, or in one new pack. What the new pack
 * itself holds is not looked up: content that a tree has twice is in its pack twice, so that the pack unpacks to the tree.
 */
import { parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import { encodeMember } from "../tar/encode.ts";
import type { SparseMap } from "../tar/sparse.ts";
import { ContentDigest } from "../tree/content-digest.ts";
import type { MemberId, Place } from "./entry-line.ts";
import { letOthersRun } from "./let-others-run.ts";
import { MemberTable } from "./member-table.ts";
import type { PackFile } from "./pack-file.ts";
import { memberDigest, memberHeaderKey } from "./pack-index.ts";
import { frameTarget, headerKeyOf, type PackWriter, type WrittenPack } from "./pack-writer.ts";

/** The content of a file as tar gives it. */
export interface IncomingContent {
  readonly sparse?: SparseMap;
  readonly dataLength: number;
  /** In pieces as they come, or all of them where they have come. */
  readonly data: AsyncIterable<Uint8Array> | readonly Uint8Array[];
}

export class Packer {
  readonly #packs: readonly PackFile[];
  readonly #writer: () => Promise<PackWriter>;
  #table: MemberTable | undefined;
  /** Packs of the manifest in order, as indexes into the store's packs; the new pack comes after those. */
  readonly #used: number[];
  readonly #directoryOf: (path: RelPath) => FileEntry | undefined;
  /** Directories that the new pack has, and where. */
  readonly #directories = new Map<RelPath, Place>();
  /** Directories that something was put into before they came. */
  readonly #awaited = new Set<RelPath>();
  #opened: PackWriter | undefined;

  /** `used` are the packs of the version before: they keep their numbers. */
  constructor(options: {
    readonly packs: readonly PackFile[];
    readonly used: readonly string[];
    readonly writer: () => Promise<PackWriter>;
    /** The complete entry of a directory that came before in archive order; undefined where it comes later. */
    readonly directoryOf: (path: RelPath) => FileEntry | undefined;
  }) {
    this.#directoryOf = options.directoryOf;
    this.#packs = options.packs;
    this.#writer = options.writer;
    this.#used = options.used.map((id) => options.packs.findIndex((pack) => pack.id === id));
  }

  /** Gets ready to find what the packs have, before anything is placed or looked for: where nothing changed, nothing is. */
  async prepare(): Promise<void> {
    this.#table = await letOthersRun(MemberTable.of(this.#packs.map(({ index }) => index)));
  }

  /** Where an entry without content (or an empty file) is stored; stores it where it is not. */
  async placeHeader(entry: FileEntry): Promise<Place> {
    const header = encodeMember(entry);
    const found = this.#awaited.has(entry.path) ? undefined : this.#stored(headerKeyOf(header));
    return found === undefined ? this.#store(entry, header) : { whole: true, ...this.#numbered(found) };
  }

  /** The directories that the new pack has, some though they are stored elsewhere too: each stands before what is put into it. */
  get directories(): ReadonlyMap<RelPath, Place> {
    return this.#directories;
  }

  /** Where content of this digest is stored, if it is. Whether the member is the whole entry shows only without holes. */
  findContent(entry: FileEntry, digest: string): Place | undefined {
    const found = this.#stored(Buffer.from(digest, "hex"));
    return found === undefined ? undefined : this.#placeOf(found, headerKeyOf(encodeMember(entry)));
  }

  /** Whether content of this digest is stored; for a file with holes, whether it is with holes. */
  hasContent(digest: string, file: { readonly size: number; readonly holes: boolean }): boolean {
    const found = this.#stored(Buffer.from(digest, "hex"));
    return found !== undefined && !(file.holes && this.#isDense(found, file.size));
  }

  /** SHA-256 of the content at a place; undefined for what has none. */
  digestOf({ pack, member }: MemberId): Uint8Array | undefined {
    const stored = this.#packs[this.#used[pack] ?? -1];
    return stored === undefined ? this.#opened?.digestOf(member) : memberDigest(stored.index, member);
  }

  /** Hashes a file's content and stores it where it is not stored yet. */
  async placeContent(
    entry: FileEntry,
    content: IncomingContent,
  ): Promise<{ readonly place: Place; readonly digest: string }> {
    const header = encodeMember(entry, content.sparse === undefined ? {} : { sparse: content.sparse });
    if (content.dataLength > frameTarget) {
      return await this.#placeLarge(entry, { header, content });
    }
    const data = isAtHand(content.data) ? content.data : await allOf(content.data);
    const digest = await digestOf(content, data);
    const found = this.#same(digest, content);
    if (found !== undefined) {
      return { place: this.#placeOf(found, headerKeyOf(header)), digest: digest.toString("hex") };
    }
    const writer = await this.#pack();
    await this.#storeParent(entry.path);
    const member = await writer.add({ header, data, dataLength: content.dataLength, digest });
    return { place: this.#placed(entry, member), digest: digest.toString("hex") };
  }

  /** Content that does not fit a frame is written while it is hashed, and taken back where it is stored already. */
  async #placeLarge(
    entry: FileEntry,
    { header, content }: { readonly header: Uint8Array; readonly content: IncomingContent },
  ): Promise<{ readonly place: Place; readonly digest: string }> {
    const running = new ContentDigest(content.dataLength, content.sparse);
    const writer = await this.#pack();
    await this.#storeParent(entry.path);
    await writer.begin(header, content.dataLength);
    for await (const bytes of content.data) {
      await letOthersRun(running.updating(bytes));
      await writer.write(bytes);
    }
    const digest = await letOthersRun(running.digesting());
    const found = this.#same(digest, content);
    if (found !== undefined) {
      await writer.abandon();
      return { place: this.#placeOf(found, headerKeyOf(header)), digest: digest.toString("hex") };
    }
    return { place: this.#placed(entry, await writer.end(digest)), digest: digest.toString("hex") };
  }

  /** A stored member that may stand for the content: one without holes gives a file that has some none back. */
  #same(digest: Uint8Array, { sparse }: IncomingContent): MemberId | undefined {
    const found = this.#stored(digest);
    return found !== undefined && sparse !== undefined && this.#isDense(found, sparse.realSize)
      ? undefined
      : found;
  }

  /** Whether a member holds all bytes of a content of that size, the zeros of holes too. */
  #isDense({ pack, member }: MemberId, size: number): boolean {
    const { memberRaw } = (this.#packs[pack] as PackFile).index;
    return (memberRaw[member + 1] as number) - (memberRaw[member] as number) > size;
  }

  /** Completes the new pack, where anything had to be stored. */
  async finish(): Promise<WrittenPack | undefined> {
    return this.#opened === undefined || this.#opened.members === 0 ? undefined : this.#opened.finish();
  }

  /** The packs of the manifest, by number. */
  packIds(fresh: WrittenPack | undefined): readonly string[] {
    return this.#used.map((at) => this.#packs[at]?.id ?? fresh?.id ?? "");
  }

  async close(): Promise<void> {
    await this.#opened?.close();
  }

  async #store(entry: FileEntry, header: Uint8Array): Promise<Place> {
    const writer = await this.#pack();
    await this.#storeParent(entry.path);
    return this.#placed(entry, await writer.add({ header, data: [], dataLength: 0 }));
  }

  #placed(entry: FileEntry, member: number): Place {
    const place = { whole: true, ...this.#numbered({ pack: this.#packs.length, member }) };
    if (entry.kind === "directory") {
      this.#directories.set(entry.path, place);
    }
    return place;
  }

  /** Puts a member's directory before it, so that tar sets the directory's times after the member was put into it. */
  async #storeParent(path: RelPath): Promise<void> {
    const parent = parentPath(path);
    if (path === "" || this.#directories.has(parent)) {
      return;
    }
    const entry = this.#directoryOf(parent);
    if (entry === undefined) {
      this.#awaited.add(parent);
    } else {
      const writer = await this.#pack();
      this.#placed(entry, await writer.add({ header: encodeMember(entry), data: [], dataLength: 0 }));
    }
  }

  #placeOf(found: MemberId, headerKey: Uint8Array): Place {
    const stored = memberHeaderKey((this.#packs[found.pack] as PackFile).index, found.member);
    return { whole: Buffer.compare(stored, headerKey) === 0, ...this.#numbered(found) };
  }

  #numbered(id: MemberId): MemberId {
    let number = this.#used.indexOf(id.pack);
    if (number < 0) {
      number = this.#used.push(id.pack) - 1;
    }
    return { pack: number, member: id.member };
  }

  /** The member of that key in the packs that were there. */
  #stored(key: Uint8Array): MemberId | undefined {
    if (this.#table === undefined) {
      throw new TypeError("The packer was not prepared");
    }
    return this.#table.get(key);
  }

  async #pack(): Promise<PackWriter> {
    this.#opened ??= await this.#writer();
    return this.#opened;
  }
}

function isAtHand(data: IncomingContent["data"]): data is readonly Uint8Array[] {
  return Array.isArray(data);
}

async function allOf(data: AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for await (const part of data) {
    parts.push(part);
  }
  return parts;
}

async function digestOf(content: IncomingContent, data: readonly Uint8Array[]): Promise<Buffer> {
  const running = new ContentDigest(content.dataLength, content.sparse);
  for (const bytes of data) {
    if (content.sparse === undefined) {
      running.update(bytes);
    } else {
      await letOthersRun(running.updating(bytes));
    }
  }
  return await letOthersRun(running.digesting());
}
