/**
 * Finds or makes the place of each entry of a commit: in the packs that are there, or in one new pack. What the new pack
 * itself holds is not looked up: content that a tree has twice is in its pack twice, so that the pack unpacks to the tree.
 */
import { parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import { encodeMember } from "../tar/encode.ts";
import type { SparseMap } from "../tar/sparse.ts";
import { ContentHash } from "./content-hash.ts";
import type { MemberId, Place } from "./entry-line.ts";
import { MemberTable } from "./member-table.ts";
import type { PackFile } from "./pack-file.ts";
import { headerKeyBytes, memberDigest } from "./pack-index.ts";
import { frameTarget, headerKeyOf, type PackWriter, type WrittenPack } from "./pack-writer.ts";

/** The content of a file as tar gives it. */
export interface IncomingContent {
  readonly sparse?: SparseMap;
  readonly dataLength: number;
  readonly data: AsyncIterable<Uint8Array>;
}

export class Packer {
  readonly #packs: readonly PackFile[];
  readonly #writer: () => Promise<PackWriter>;
  readonly #table = new MemberTable();
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
    for (const [number, { index }] of options.packs.entries()) {
      for (let member = 0; member < index.members; member++) {
        const key = memberDigest(index, member) ?? keyAt(index.headerKeys, member);
        this.#table.add(key, { pack: number, member });
      }
    }
  }

  /** Where an entry without content (or an empty file) is stored; stores it where it is not. */
  async placeHeader(entry: FileEntry): Promise<Place> {
    const header = encodeMember(entry);
    const found = this.#awaited.has(entry.path) ? undefined : this.#table.get(headerKeyOf(header));
    return found === undefined ? this.#store(entry, header) : { whole: true, ...this.#numbered(found) };
  }

  /** The directories that the new pack has, some though they are stored elsewhere too: each stands before what is put into it. */
  get directories(): ReadonlyMap<RelPath, Place> {
    return this.#directories;
  }

  /** Where content of this digest is stored, if it is. Whether the member is the whole entry shows only without holes. */
  findContent(entry: FileEntry, digest: string): Place | undefined {
    const found = this.#table.get(Buffer.from(digest, "hex"));
    return found === undefined ? undefined : this.#placeOf(found, headerKeyOf(encodeMember(entry)));
  }

  /** Hashes a file's content and stores it where it is not stored yet. */
  async placeContent(
    entry: FileEntry,
    content: IncomingContent,
  ): Promise<{ readonly place: Place; readonly digest: string }> {
    const header = encodeMember(entry, content.sparse === undefined ? {} : { sparse: content.sparse });
    const hash = new ContentHash(content.sparse);
    const small = content.dataLength <= frameTarget;
    const writer = await this.#pack();
    const held: Uint8Array[] = [];
    if (!small) {
      await this.#storeParent(entry.path);
      await writer.begin(header, content.dataLength);
    }
    for await (const bytes of content.data) {
      await hash.update(bytes);
      if (small) {
        held.push(bytes);
      } else {
        await writer.write(bytes);
      }
    }
    const digest = await hash.digest();
    const found = this.#table.get(digest);
    if (found !== undefined) {
      if (!small) {
        await writer.abandon();
      }
      return { place: this.#placeOf(found, headerKeyOf(header)), digest: digest.toString("hex") };
    }
    if (small) {
      await this.#storeParent(entry.path);
      await writer.begin(header, content.dataLength);
      for (const bytes of held) {
        await writer.write(bytes);
      }
    }
    return { place: await this.#end(entry, digest), digest: digest.toString("hex") };
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
    await writer.begin(header, 0);
    return this.#end(entry);
  }

  async #end(entry: FileEntry, digest?: Uint8Array): Promise<Place> {
    const writer = await this.#pack();
    const member = await writer.end(digest);
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
      await writer.begin(encodeMember(entry), 0);
      await this.#end(entry);
    }
  }

  #placeOf(found: MemberId, headerKey: Uint8Array): Place {
    const stored = keyAt((this.#packs[found.pack] as PackFile).index.headerKeys, found.member);
    return { whole: Buffer.compare(stored, headerKey) === 0, ...this.#numbered(found) };
  }

  #numbered(id: MemberId): MemberId {
    let number = this.#used.indexOf(id.pack);
    if (number < 0) {
      number = this.#used.push(id.pack) - 1;
    }
    return { pack: number, member: id.member };
  }

  async #pack(): Promise<PackWriter> {
    this.#opened ??= await this.#writer();
    return this.#opened;
  }
}

function keyAt(keys: Uint8Array, member: number): Uint8Array {
  return keys.subarray(member * headerKeyBytes, (member + 1) * headerKeyBytes);
}
