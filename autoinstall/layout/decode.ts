/** Reads `autoinstallscript.conf` into a layout. Bad input becomes located diagnostics; nothing is thrown. */
import { parseXml, type XmlDocument, type XmlProblem } from "../xml.ts";
import { AttributeReader } from "./attributes.ts";
import { decodeForeign, splitChildren, unknownElement, unlessDash } from "./decode-element.ts";
import { decodeBootloader, decodeCrypt, decodeLvm, decodeRaid } from "./decode-stack.ts";
import { type DecodeCode, type Diagnostic, diagnose } from "./diagnostic.ts";
import type {
  Annotated,
  DiskLayout,
  FilesystemLine,
  ForeignElement,
  LayoutBootloader,
  LayoutCrypt,
  LayoutDisk,
  LayoutLvm,
  LayoutPartition,
  LayoutRaid,
  LayoutSize,
  PartitionType,
} from "./model.ts";

export interface DecodedLayout {
  /** Absent where the text is not XML. */
  readonly layout?: DiskLayout;
  readonly diagnostics: readonly Diagnostic[];
}

const problemCodes = {
  malformed: "xml-malformed",
  doctype: "xml-doctype",
  "too-large": "xml-too-large",
} as const satisfies Readonly<Record<XmlProblem["kind"], DecodeCode>>;

export function parseSize(text: string): LayoutSize {
  if (text === "*") {
    return { kind: "rest" };
  }
  return /^\d{1,15}(\.\d{1,6})?$/.test(text)
    ? { kind: "amount", value: Number(text) }
    : { kind: "invalid", text };
}

const partitionTypes: readonly PartitionType[] = ["primary", "extended", "logical"];

function decodePartition(reader: AttributeReader): LayoutPartition {
  const number = reader.positive("num") ?? 0;
  const size = parseSize(reader.required("size"));
  const type = reader.oneOf("p_type", partitionTypes) ?? "primary";
  const name = unlessDash(reader.optional("p_name"));
  const flags = (unlessDash(reader.optional("flags")) ?? "")
    .split(/[\s,]+/)
    .filter((flag) => flag !== "" && flag !== "-");
  const id = unlessDash(reader.optional("id"));
  const volumeGroup = unlessDash(reader.optional("lvm_group"));
  const raidDevice = unlessDash(reader.optional("raid_dev"));
  return {
    ...reader.finish(),
    number,
    size,
    type,
    flags,
    ...(name === undefined ? {} : { name }),
    ...(id === undefined ? {} : { id }),
    ...(volumeGroup === undefined ? {} : { volumeGroup }),
    ...(raidDevice === undefined ? {} : { raidDevice }),
  };
}

function normaliseUnit(text: string): string {
  const unit = text.trim().toLowerCase();
  if (["mb", "megabytes"].includes(unit)) {
    return "MB";
  }
  return ["%", "percent", "percentage", "percentages"].includes(unit) ? "%" : text.trim();
}

function decodeDisk(reader: AttributeReader, diagnostics: Diagnostic[]): LayoutDisk {
  const device = reader.required("dev");
  const label = (reader.optional("label_type") ?? "").trim().toLowerCase();
  const unit = normaliseUnit(reader.optional("unit_of_measurement") ?? "");
  const match = reader.optional("match");
  const wipe = reader.oneOf("wipe", ["yes", "no"]) === "yes";
  const own = reader.finish();
  const children = splitChildren(reader.element, diagnostics);
  const partitions: LayoutPartition[] = [];
  const foreign: ForeignElement[] = [];
  for (const { element, comments } of children.items) {
    if (element.name === "part") {
      partitions.push(decodePartition(new AttributeReader({ element, comments, diagnostics })));
    } else {
      diagnostics.push(unknownElement(element, "disk"));
      foreign.push(decodeForeign(element, comments));
    }
  }
  const told = { ...(match === undefined ? {} : { match }), ...(wipe ? { wipe } : {}) };
  return { ...own, device, label, unit, ...told, partitions, trailing: children.trailing, foreign };
}

function decodeLine(reader: AttributeReader): FilesystemLine {
  const line = reader.positive("line") ?? 0;
  const text = reader.optional("comment");
  if (text !== undefined) {
    return { ...reader.finish(), kind: "comment", line, text };
  }
  const device = reader.required("real_dev");
  const mountDevice = reader.optional("mount_dev");
  const mountPoint = reader.required("mp");
  const filesystem = reader.required("fs");
  const options = reader.optional("options") ?? "defaults";
  const dump = reader.count("dump");
  const pass = reader.count("pass");
  const mkfsOptions = reader.optional("mkfs_opts");
  const label = reader.optional("label");
  const fileSize = reader.count("size");
  const format = reader.oneOf("format", ["yes", "no"]) !== "no";
  return {
    ...reader.finish(),
    kind: "entry",
    line,
    device,
    mountPoint,
    filesystem,
    options,
    format,
    ...(mountDevice === undefined ? {} : { mountDevice }),
    ...(dump === undefined ? {} : { dump }),
    ...(pass === undefined ? {} : { pass }),
    ...(mkfsOptions === undefined ? {} : { mkfsOptions }),
    ...(label === undefined ? {} : { label }),
    ...(fileSize === undefined ? {} : { fileSize }),
  };
}

function decodeDocument(document: XmlDocument, diagnostics: Diagnostic[]): DiskLayout {
  const { root } = document;
  const children = splitChildren(root, diagnostics);
  const disks: LayoutDisk[] = [];
  const raids: LayoutRaid[] = [];
  const lvm: LayoutLvm[] = [];
  const crypts: LayoutCrypt[] = [];
  const bootloaders: LayoutBootloader[] = [];
  const lines: FilesystemLine[] = [];
  const foreign: ForeignElement[] = [];
  let boel: (Annotated & { readonly devstyle?: string }) | undefined;
  for (const { element, comments } of children.items) {
    const reader = new AttributeReader({ element, comments, diagnostics });
    if (element.name === "disk") {
      disks.push(decodeDisk(reader, diagnostics));
    } else if (element.name === "raid") {
      raids.push(...decodeRaid(reader, diagnostics));
    } else if (element.name === "lvm") {
      lvm.push(decodeLvm(reader, diagnostics));
    } else if (element.name === "luks") {
      crypts.push(decodeCrypt(reader));
    } else if (element.name === "bootloader") {
      bootloaders.push(decodeBootloader(reader));
    } else if (element.name === "fsinfo") {
      lines.push(decodeLine(reader));
    } else if (element.name === "boel" && boel === undefined) {
      const devstyle = reader.optional("devstyle");
      boel = { ...reader.finish(), ...(devstyle === undefined ? {} : { devstyle }) };
    } else {
      diagnostics.push(unknownElement(element, root.name));
      foreign.push(decodeForeign(element, comments));
    }
  }
  return {
    root: root.name,
    extra: root.attributes.map(({ name, value }) => [name, value] as const),
    comments: document.before.map(({ text }) => text),
    disks,
    raids,
    lvm,
    crypts,
    bootloaders,
    lines,
    ...(boel === undefined ? {} : { boel }),
    foreign,
    trailing: children.trailing,
    closing: document.after.map(({ text }) => text),
  };
}

/** Reads the text of an `autoinstallscript.conf`. */
export function decodeLayout(text: string): DecodedLayout {
  const document = parseXml(text);
  if (!document.ok) {
    const { kind, message, at } = document.error;
    return { diagnostics: [diagnose(problemCodes[kind], message, { subject: "file", at })] };
  }
  const diagnostics: Diagnostic[] = [];
  const layout = decodeDocument(document.value, diagnostics);
  return { layout, diagnostics };
}
