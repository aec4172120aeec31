/** Reads /etc/fstab of a golden client into filesystem lines, line for line. */
import type { Attribute } from "./model.ts";

export type FstabText =
  | { readonly kind: "comment"; readonly text: string }
  | {
      readonly kind: "entry";
      readonly source: string;
      readonly mountPoint: string;
      readonly type: string;
      readonly options: string;
      readonly dump?: number;
      readonly pass?: number;
    };

/** Undoes fstab's octal escapes. */
export function unescapeFstab(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function cleaned(text: string): string {
  // A tab is a blank in an XML attribute; other control characters have no place in a layout.
  return [...text.replaceAll("\t", " ")].filter((one) => (one.codePointAt(0) ?? 0) >= 0x20).join("");
}

function digits(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Parses fstab. What is no entry, blank lines included, is a comment and stays as it is. */
export function parseFstab(text: string): readonly FstabText[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") {
    lines.pop();
  }
  return lines.map((line): FstabText => {
    const [source, mountPoint, type, options, dumpText, passText] = line.trim().split(/\s+/);
    const isEntry = !line.trim().startsWith("#") && type !== undefined;
    if (!isEntry || source === undefined || mountPoint === undefined) {
      return { kind: "comment", text: line.trim() === "" ? " " : cleaned(line) };
    }
    const dump = digits(dumpText);
    const pass = digits(passText);
    return {
      kind: "entry",
      source: cleaned(source),
      mountPoint: cleaned(mountPoint),
      type: cleaned(type),
      options: cleaned(options ?? "defaults"),
      ...(dump === undefined ? {} : { dump }),
      ...(pass === undefined ? {} : { pass }),
    };
  });
}

/** Splits `LABEL=x`, `UUID="x"`, `/dev/disk/by-uuid/x` into the tag's name and value. */
export function sourceTag(source: string): Attribute | undefined {
  const tag = /^(LABEL|UUID|PARTUUID|PARTLABEL)="?([^"]*)"?$/.exec(source);
  if (tag?.[1] !== undefined && tag[2] !== undefined) {
    return [tag[1], tag[2]];
  }
  const link = /^\/dev\/disk\/by-(label|uuid|partuuid|partlabel)\/(.+)$/.exec(source);
  if (link?.[1] === undefined || link[2] === undefined) {
    return undefined;
  }
  const unescaped = link[2].replace(/\\x([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return [link[1].toUpperCase(), unescaped];
}
