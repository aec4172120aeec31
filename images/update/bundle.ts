/** The bytes of an update: control files, then content. images/update/client/receive.sh tells the format. */
import { concatBytes, fromLatin1 } from "../../base/bytes.ts";
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import type { ExtendedAttributes, FileEntry } from "../entry.ts";
import type { VersionReader } from "../store/store.ts";
import type { VersionTable } from "../store/version-table.ts";
import { endOfArchive } from "../tar/encode.ts";
import { rewriteTar } from "../tar/rewrite.ts";
import { memberLength, type TarMember, writeTar } from "../tar/stream.ts";
import { type ControlFiles, controlFiles } from "./control-files.ts";
import type { UpdatePlan } from "./plan.ts";
import { patchMembers } from "./version-blocks.ts";

export interface BundleInput {
  readonly store: VersionReader;
  readonly plan: UpdatePlan;
  /** The version's table, where it has been read. */
  readonly table?: VersionTable;
  /** Text of images/update/client/apply.sh. */
  readonly script: string;
  readonly bootloader: boolean;
  readonly signal?: AbortSignal;
}

/** A file that several names share goes to another filesystem as a copy; it is read as a whole, so it may not be larger. */
const copyLimit = 1024 ** 3;

/** Streams the bundle. */
export async function* encodeBundle(input: BundleInput): AsyncGenerator<Uint8Array> {
  const { plan, store, signal } = input;
  const { dialect } = plan;
  const control = controlFiles(plan, { bootloader: input.bootloader });
  const head = [...controlMembers(control, input)];
  const length = head.reduce((sum, { entry }) => sum + memberLength(entry, dialect), endOfArchive.length);
  yield fromLatin1(`INGOT-BUNDLE 1 ${length}\n`);
  yield* gathered(writeTar(each(head), dialect));
  const version = { image: plan.image, number: plan.version };
  // All of it is staged before anything is renamed, so the order is the store's affair.
  const members = store.members(version, control.members, {
    order: "stored",
    ...(input.table === undefined ? {} : { table: input.table }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (dialect !== undefined || plan.ownAttributes) {
    const as = plan.ownAttributes ? withPlanned(plan) : undefined;
    yield* rewriteTar(madeHere(control, input), members, { dialect, as });
    return;
  }
  if (control.copies.length > 0) {
    yield* writeTar(copyMembers(control.copies, input));
  }
  if (plan.patches.size > 0) {
    yield* writeTar(patchMembers(plan, input));
  }
  yield* members;
}

/** Members with the attributes that the plan gives them. */
function withPlanned(plan: UpdatePlan): (entry: FileEntry) => FileEntry {
  const planned = new Map<RelPath, ExtendedAttributes>();
  for (const action of plan.actions) {
    if (action.kind === "write" && action.entry.extended !== undefined) {
      planned.set(action.entry.path, action.entry.extended);
    }
  }
  return (entry) => ({ ...entry, extended: planned.get(entry.path) ?? entry.extended ?? [] });
}

/** What is no member of the version as it is. */
async function* madeHere(control: ControlFiles, input: BundleInput): AsyncGenerator<TarMember> {
  yield* copyMembers(control.copies, input);
  yield* patchMembers(input.plan, input);
}

function* controlMembers(control: ControlFiles, input: BundleInput): Generator<TarMember> {
  yield controlFile("apply.sh", fromLatin1(input.script));
  for (const [name, content] of control.files) {
    yield controlFile(name, fromLatin1(content));
  }
  for (const [name, words] of control.lists) {
    let size = 0;
    for (const word of words) {
      size += word.length + 1;
    }
    yield { entry: controlEntry(`lists/${name}`, size), content: listBytes(words) };
  }
  const { dialect } = input.plan;
  for (const [name, entries] of [
    ["directories.tar", control.directories],
    ["times.tar", control.timed],
  ] as const) {
    let size = 0;
    for (const entry of entries) {
      size += memberLength(entry, dialect);
    }
    if (size > 0) {
      const content = writeTar(members(entries), dialect);
      yield { entry: controlEntry(name, size + endOfArchive.length), content };
    }
  }
}

async function* listBytes(words: Iterable<string>): AsyncGenerator<Uint8Array> {
  let batch = "";
  for (const word of words) {
    batch += `${word}\0`;
    if (batch.length > 65536) {
      yield fromLatin1(batch);
      batch = "";
    }
  }
  yield fromLatin1(batch);
}

/** Small pieces as fewer larger ones. */
async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of source) {
    parts.push(part);
    length += part.length;
    if (length >= 65536) {
      yield concatBytes(parts);
      parts = [];
      length = 0;
    }
  }
  yield concatBytes(parts);
}

async function* members(entries: Iterable<FileEntry>): AsyncGenerator<TarMember> {
  for (const entry of entries) {
    yield { entry };
  }
}

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

async function* copyMembers(copies: readonly FileEntry[], input: BundleInput): AsyncGenerator<TarMember> {
  const version = { image: input.plan.image, number: input.plan.version };
  for (const entry of copies) {
    const content = await input.store.readFile(version, entry.path, { limit: copyLimit });
    yield { entry, content: one(content) };
  }
}

function controlFile(name: string, content: Uint8Array): TarMember {
  return { entry: controlEntry(name, content.length), content: one(content) };
}

function controlEntry(name: string, size: number): FileEntry {
  const path = parseRelPath(name);
  return {
    kind: "file",
    path: path.ok ? path.value : ("" as RelPath),
    mode: 0o600,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanoseconds: 0 },
    size,
  };
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
