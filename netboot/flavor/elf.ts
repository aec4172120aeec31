/**
 * As much of ELF (System V ABI, 64-bit little-endian) as a ramdisk needs: the shared libraries a program names (DT_NEEDED)
 * and the text records of a kernel module (section `.modinfo`). Files come out of packages, yet every offset is checked.
 */
import { toLatin1 } from "../../base/bytes.ts";

export interface ElfFile {
  /** Names of shared libraries, in the file's order. Empty for static programs and kernel modules. */
  readonly needed: readonly string[];
  /** `key=value` records of `.modinfo`; keys repeat (`alias`, `softdep`). Empty where there is none. */
  readonly moduleInfo: readonly (readonly [key: string, value: string])[];
}

interface Section {
  readonly name: number;
  readonly type: number;
  readonly link: number;
  readonly bytes: Uint8Array;
}

const sectionHeaderLength = 64;
const typeDynamic = 6;
const tagNeeded = 1n;

/** Reads an ELF file; undefined where the bytes are none of this kind or break its rules. */
export function readElf(bytes: Uint8Array): ElfFile | undefined {
  if (toLatin1(bytes.subarray(0, 6)) !== "\x7fELF\x02\x01" || bytes.length < 64) {
    return undefined;
  }
  const sections = readSections(bytes);
  if (sections === undefined) {
    return undefined;
  }
  const names = sections.names.bytes;
  const dynamic = sections.all.find((section) => section.type === typeDynamic);
  const moduleInfo = sections.all.find((section) => textAt(names, section.name) === ".modinfo");
  const strings = dynamic === undefined ? undefined : sections.all[dynamic.link];
  return {
    needed: dynamic === undefined || strings === undefined ? [] : readNeeded(dynamic.bytes, strings.bytes),
    moduleInfo: moduleInfo === undefined ? [] : readModuleInfo(moduleInfo.bytes),
  };
}

function readSections(
  bytes: Uint8Array,
): { readonly all: readonly Section[]; readonly names: Section } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = Number(view.getBigUint64(0x28, true));
  const count = view.getUint16(0x3c, true);
  const all: Section[] = [];
  if (
    view.getUint16(0x3a, true) !== sectionHeaderLength ||
    start + count * sectionHeaderLength > bytes.length
  ) {
    return undefined;
  }
  for (let i = 0; i < count; i++) {
    const at = start + i * sectionHeaderLength;
    const type = view.getUint32(at + 4, true);
    const offset = Number(view.getBigUint64(at + 24, true));
    const size = Number(view.getBigUint64(at + 32, true));
    const typeNoBits = 8;
    if (type !== typeNoBits && offset + size > bytes.length) {
      return undefined;
    }
    all.push({
      name: view.getUint32(at, true),
      type,
      link: view.getUint32(at + 40, true),
      bytes: type === typeNoBits ? bytes.subarray(0, 0) : bytes.subarray(offset, offset + size),
    });
  }
  const names = all[view.getUint16(0x3e, true)];
  return names === undefined ? undefined : { all, names };
}

function readNeeded(dynamic: Uint8Array, strings: Uint8Array): readonly string[] {
  const view = new DataView(dynamic.buffer, dynamic.byteOffset, dynamic.byteLength);
  const needed: string[] = [];
  for (let at = 0; at + 16 <= dynamic.length; at += 16) {
    if (view.getBigUint64(at, true) === tagNeeded) {
      needed.push(textAt(strings, Number(view.getBigUint64(at + 8, true))));
    }
  }
  return needed;
}

function readModuleInfo(bytes: Uint8Array): readonly (readonly [string, string])[] {
  return toLatin1(bytes)
    .split("\0")
    .flatMap((record) => {
      const equals = record.indexOf("=");
      return equals > 0 ? [[record.slice(0, equals), record.slice(equals + 1)] as const] : [];
    });
}

function textAt(strings: Uint8Array, offset: number): string {
  const end = strings.indexOf(0, offset);
  return toLatin1(strings.subarray(offset, end < 0 ? strings.length : end));
}
