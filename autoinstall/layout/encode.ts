/** Writes a layout as `autoinstallscript.conf`: always the same text for the same layout, in the order disk, raid, luks, lvm, bootloader, fsinfo, boel. */
import { writeXml, type XmlAttribute, type XmlElement, type XmlNode } from "../xml.ts";
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
} from "./model.ts";

type Values = Readonly<Record<string, string | number | undefined>>;

function commentNodes(texts: readonly string[]): readonly XmlNode[] {
  return texts.map((text) => ({ kind: "comment", text }));
}

function elementNode(
  name: string,
  values: Values,
  rest: {
    readonly extra?: readonly (readonly [string, string])[];
    readonly children?: readonly XmlNode[];
  } = {},
): XmlElement {
  const attributes: XmlAttribute[] = [];
  for (const [attribute, value] of Object.entries(values)) {
    if (value !== undefined) {
      attributes.push({ name: attribute, value: String(value) });
    }
  }
  attributes.push(...(rest.extra ?? []).map(([attribute, value]) => ({ name: attribute, value })));
  return { kind: "element", name, attributes, children: rest.children ?? [] };
}

/** An element with the comments that stand before it. */
function annotated(source: Annotated, element: XmlElement): readonly XmlNode[] {
  return [...commentNodes(source.comments), element];
}

export function formatSize(size: LayoutSize): string {
  if (size.kind === "rest") {
    return "*";
  }
  return size.kind === "invalid" ? size.text : String(Number(size.value.toFixed(6)));
}

function encodePartition(part: LayoutPartition): readonly XmlNode[] {
  const values = {
    num: part.number,
    size: formatSize(part.size),
    p_type: part.type,
    p_name: part.name ?? "-",
    flags: part.flags.length === 0 ? "-" : part.flags.join(","),
    id: part.id,
    lvm_group: part.volumeGroup,
    raid_dev: part.raidDevice,
  };
  return annotated(part, elementNode("part", values, { extra: part.extra }));
}

function encodeForeign(element: ForeignElement): readonly XmlNode[] {
  const text: readonly XmlNode[] = element.text === "" ? [] : [{ kind: "text", text: element.text }];
  const children = [...text, ...element.children.flatMap(encodeForeign)];
  return [
    ...commentNodes(element.comments),
    elementNode(element.name, {}, { extra: element.attributes, children }),
  ];
}

function encodeDisk(disk: LayoutDisk): readonly XmlNode[] {
  const values = {
    dev: disk.device,
    label_type: disk.label === "" ? undefined : disk.label,
    match: disk.match,
    wipe: disk.wipe === true ? "yes" : undefined,
    unit_of_measurement: disk.unit === "" ? undefined : disk.unit,
  };
  const children = [
    ...disk.partitions.flatMap(encodePartition),
    ...disk.foreign.flatMap(encodeForeign),
    ...commentNodes(disk.trailing),
  ];
  return annotated(disk, elementNode("disk", values, { extra: disk.extra, children }));
}

function encodeRaid(raid: LayoutRaid): readonly XmlNode[] {
  const extra = [
    ...raid.settings,
    ...(raid.devices.length === 0 ? [] : [["devices", raid.devices.join(" ")] as const]),
    ...raid.extra,
  ];
  return annotated(raid, elementNode("raid", { name: raid.name }, { extra }));
}

function encodeCrypt(crypt: LayoutCrypt): readonly XmlNode[] {
  const values = {
    name: crypt.name,
    device: crypt.device,
    lvm_group: crypt.volumeGroup,
    options: crypt.options,
  };
  return annotated(crypt, elementNode("luks", values, { extra: crypt.extra }));
}

function encodeLvm(lvm: LayoutLvm): readonly XmlNode[] {
  const children = lvm.groups.flatMap((group) => {
    const volumes = group.volumes.flatMap((volume) =>
      annotated(
        volume,
        elementNode(
          "lv",
          { name: volume.name, size: volume.size, lv_options: volume.options },
          { extra: volume.extra },
        ),
      ),
    );
    const extra = [...group.settings, ...group.extra];
    return annotated(group, elementNode("lvm_group", { name: group.name }, { extra, children: volumes }));
  });
  return annotated(lvm, elementNode("lvm", { version: lvm.version }, { extra: lvm.extra, children }));
}

function encodeBootloader(loader: LayoutBootloader): readonly XmlNode[] {
  const extra = [...loader.settings, ...loader.extra];
  const children = loader.targets.flatMap(encodeForeign);
  return annotated(loader, elementNode("bootloader", { flavor: loader.flavor }, { extra, children }));
}

function encodeLine(line: FilesystemLine): readonly XmlNode[] {
  if (line.kind === "comment") {
    const values = { line: line.line, comment: line.text };
    return annotated(line, elementNode("fsinfo", values, { extra: line.extra }));
  }
  const values = {
    line: line.line,
    real_dev: line.device,
    mount_dev: line.mountDevice,
    mp: line.mountPoint,
    fs: line.filesystem,
    options: line.options,
    dump: line.dump,
    pass: line.pass,
    mkfs_opts: line.mkfsOptions,
    label: line.label,
    size: line.fileSize,
    format: line.format ? undefined : "no",
  };
  return annotated(line, elementNode("fsinfo", values, { extra: line.extra }));
}

/** Writes the layout as text. */
export function encodeLayout(layout: DiskLayout): string {
  const boel = layout.boel;
  const children = [
    ...layout.disks.flatMap(encodeDisk),
    ...layout.raids.flatMap(encodeRaid),
    ...layout.crypts.flatMap(encodeCrypt),
    ...layout.lvm.flatMap(encodeLvm),
    ...layout.bootloaders.flatMap(encodeBootloader),
    ...layout.lines.flatMap(encodeLine),
    ...(boel === undefined
      ? []
      : annotated(boel, elementNode("boel", { devstyle: boel.devstyle }, { extra: boel.extra }))),
    ...layout.foreign.flatMap(encodeForeign),
    ...commentNodes(layout.trailing),
  ];
  return writeXml({
    before: layout.comments.map((text) => ({ kind: "comment", text })),
    root: elementNode(layout.root, {}, { extra: layout.extra, children }),
    after: layout.closing.map((text) => ({ kind: "comment", text })),
  });
}
