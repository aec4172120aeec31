/**
 * TFTP packets (RFC 1350 section 5, RFC 2347).
 *
 *     RRQ/WRQ   2 bytes opcode 1/2   name NUL mode NUL [option NUL value NUL]…
 *     DATA      2 bytes opcode 3     2 bytes block   0 to blksize bytes
 *     ACK       2 bytes opcode 4     2 bytes block
 *     ERROR     2 bytes opcode 5     2 bytes code    message NUL
 *     OACK      2 bytes opcode 6     option NUL value NUL …
 */
import { concatBytes, fromLatin1, toLatin1 } from "../../base/bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";

export type TftpPacket =
  | {
      readonly kind: "read" | "write";
      readonly name: string;
      /** Lower case: `octet`, `netascii` or what else the client wrote. */
      readonly mode: string;
      /** By name in lower case; the first of equal names counts. */
      readonly options: ReadonlyMap<string, string>;
    }
  | { readonly kind: "data"; readonly block: number; readonly bytes: Uint8Array }
  | { readonly kind: "ack"; readonly block: number }
  | { readonly kind: "error"; readonly code: number; readonly message: string }
  | { readonly kind: "oack"; readonly options: ReadonlyMap<string, string> };

/** RFC 1350 appendix, RFC 2347 section "Options Negotiation". */
export const tftpError = {
  undefined: 0,
  notFound: 1,
  access: 2,
  full: 3,
  illegal: 4,
  unknownTransfer: 5,
  exists: 6,
  noUser: 7,
  options: 8,
} as const;

/** RFC 2347: a request is at most 512 bytes. Some clients send more options than that allows for; none sends twice as many. */
const requestLimit = 1024;

/** Reads a packet; the error is what is wrong with it. */
export function decodeTftp(bytes: Uint8Array): Result<TftpPacket, string> {
  if (bytes.length < 4) {
    return err(`${bytes.length} bytes are too short for a TFTP packet`);
  }
  const opcode = number16(bytes, 0);
  switch (opcode) {
    case 1:
    case 2:
      return decodeRequest(bytes, opcode === 1 ? "read" : "write");
    case 3:
      return ok({ kind: "data", block: number16(bytes, 2), bytes: bytes.subarray(4) });
    case 4:
      return ok({ kind: "ack", block: number16(bytes, 2) });
    case 5: {
      const message = toLatin1(bytes.subarray(4, 260)).replace(/\0[\s\S]*$/, "");
      return ok({ kind: "error", code: number16(bytes, 2), message });
    }
    case 6: {
      const options = decodeOptions(strings(bytes.subarray(2)) ?? []);
      return options.ok ? ok({ kind: "oack", options: options.value }) : options;
    }
    default:
      return err(`opcode ${opcode} is none of TFTP's`);
  }
}

function decodeRequest(bytes: Uint8Array, kind: "read" | "write"): Result<TftpPacket, string> {
  if (bytes.length > requestLimit) {
    return err(`a request of ${bytes.length} bytes is over ${requestLimit}`);
  }
  const texts = strings(bytes.subarray(2));
  const [name, mode, ...rest] = texts ?? [];
  if (name === undefined || mode === undefined || name === "" || mode === "") {
    return err("a request without a name and a mode, each ended by NUL");
  }
  const options = decodeOptions(rest);
  return options.ok ? ok({ kind, name, mode: mode.toLowerCase(), options: options.value }) : options;
}

function decodeOptions(texts: readonly string[]): Result<ReadonlyMap<string, string>, string> {
  if (texts.length % 2 !== 0) {
    return err("an option without a value");
  }
  const options = new Map<string, string>();
  for (let index = 0; index < texts.length; index += 2) {
    const name = (texts[index] as string).toLowerCase();
    if (!options.has(name)) {
      options.set(name, texts[index + 1] as string);
    }
  }
  return ok(options);
}

/** NUL-terminated strings; what follows the last NUL is padding that some ROMs add, and is left out. */
function strings(bytes: Uint8Array): readonly string[] | undefined {
  const end = bytes.lastIndexOf(0);
  return end < 0 ? undefined : toLatin1(bytes.subarray(0, end)).split("\0");
}

export function encodeTftp(packet: TftpPacket): Uint8Array {
  switch (packet.kind) {
    case "read":
    case "write": {
      const words = [packet.name, packet.mode, ...pairs(packet.options)];
      return concatBytes([head(packet.kind === "read" ? 1 : 2), text(words)]);
    }
    case "data":
      return concatBytes([head(3, packet.block), packet.bytes]);
    case "ack":
      return head(4, packet.block);
    case "error":
      return concatBytes([head(5, packet.code), text([packet.message])]);
    case "oack":
      return concatBytes([head(6), text(pairs(packet.options))]);
  }
}

/** The DATA packets of a run of blocks, in one piece of memory. The last block of a file may be short, or empty. */
export function dataFrames(
  bytes: Uint8Array,
  run: { readonly first: number; readonly count: number; readonly blockSize: number },
): readonly Uint8Array[] {
  // A block in lockstep is cut from a page that many share: memory of its own for each would keep the collector busy.
  const memory = Buffer.allocUnsafe(bytes.length + 4 * run.count);
  const frames: Uint8Array[] = [];
  for (let index = 0, at = 0; index < run.count; index++) {
    const data = bytes.subarray(index * run.blockSize, (index + 1) * run.blockSize);
    const block = run.first + index;
    const end = at + 4 + data.length;
    memory[at] = 0;
    memory[at + 1] = 3;
    memory[at + 2] = block >> 8;
    memory[at + 3] = block;
    memory.set(data, at + 4);
    frames.push(memory.subarray(at, end));
    at = end;
  }
  return frames;
}

function pairs(options: ReadonlyMap<string, string>): readonly string[] {
  return [...options].flat();
}

function text(words: readonly string[]): Uint8Array {
  return fromLatin1(words.map((word) => `${word.replace(/\0/g, "")}\0`).join(""));
}

function head(...numbers: readonly number[]): Uint8Array {
  return Uint8Array.from(numbers.flatMap((value) => [(value >> 8) & 255, value & 255]));
}

function number16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) * 256 + (bytes[at + 1] as number);
}
