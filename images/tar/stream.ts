/** The tar codec driven over asynchronous byte streams. */
import { AppError } from "../../base/errors.ts";
import type { FileEntry } from "../entry.ts";
import { TarDecoder } from "./decode.ts";
import { encodeMember, endOfArchive, memberPadding } from "./encode.ts";
import type { TarEvent, TarLimits, TarProblem } from "./events.ts";
import { encodeGnuMember, type TarDialect } from "./gnu-encode.ts";
import { paddingOf } from "./header.ts";
import type { SparseMap } from "./sparse.ts";

/** A decoder's problem as an error that names the member. */
export function tarError(problem: TarProblem, what: string): AppError {
  const member = problem.member === undefined ? "" : ` at member '${problem.member}'`;
  return new AppError("hostile", `Refused ${what}${member}, byte ${problem.offset}: ${problem.message}`);
}

/** Decodes a whole archive; each batch holds the events of one chunk. Throws `hostile` naming the member, also when it is cut short. */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  options: {
    readonly what: string;
    readonly limits?: Partial<TarLimits>;
    /** Several archives one behind the other are read as one. */
    readonly concatenated?: boolean;
  },
): AsyncGenerator<readonly TarEvent[]> {
  const decoder = new TarDecoder(options);
  for await (const chunk of source) {
    const events = decoder.write(chunk);
    if (!events.ok) {
      throw tarError(events.error, options.what);
    }
    if (events.value.length > 0) {
      yield events.value;
    }
  }
  const end = decoder.end();
  if (!end.ok) {
    throw tarError(end.error, options.what);
  }
}

export interface TarMember {
  readonly entry: FileEntry;
  readonly sparse?: SparseMap;
  /** The file's content, or a sparse file's segments one after the other. */
  readonly content?: AsyncIterable<Uint8Array>;
}

/** Encodes members as an archive, a posix one unless told. Content that is not exactly as long as its entry says is an `io` error. */
export async function* writeTar(
  members: AsyncIterable<TarMember>,
  dialect?: TarDialect,
): AsyncGenerator<Uint8Array> {
  for await (const member of members) {
    const sparse = member.sparse === undefined ? {} : { sparse: member.sparse };
    yield encoded(member.entry, sparse, dialect);
    const wanted = dataLengthOf(member);
    let length = 0;
    for await (const chunk of member.content ?? []) {
      length += chunk.length;
      if (length > wanted) {
        break;
      }
      yield chunk;
    }
    if (length !== wanted) {
      throw new AppError("io", `Content of '${member.entry.path}' is not ${wanted} bytes long`);
    }
    yield memberPadding(wanted);
  }
  yield endOfArchive;
}

/** How many bytes {@link writeTar} makes of a member without holes. */
export function memberLength(entry: FileEntry, dialect?: TarDialect): number {
  const data = dataLengthOf({ entry });
  return encoded(entry, {}, dialect).length + data + paddingOf(data);
}

function encoded(
  entry: FileEntry,
  options: { readonly sparse?: SparseMap },
  dialect: TarDialect | undefined,
): Uint8Array {
  return dialect === undefined
    ? encodeMember(entry, options)
    : encodeGnuMember(entry, { ...options, dialect });
}

function dataLengthOf(member: TarMember): number {
  if (member.entry.kind !== "file") {
    return 0;
  }
  return member.sparse === undefined
    ? member.entry.size
    : member.sparse.segments.reduce((total, segment) => total + segment.length, 0);
}
