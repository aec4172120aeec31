/** `lsblk --json`: what sysfs does not tell (transport, WWN) and a second source for filesystems. Old versions print numbers as text. */
import { z } from "zod";

const text = z.string().nullish();

export interface BlockDevice {
  readonly device: string;
  readonly type: string;
  readonly size?: number;
  readonly model?: string | null | undefined;
  readonly serial?: string | null | undefined;
  readonly wwn?: string | null | undefined;
  readonly transport?: string | null | undefined;
  readonly fstype?: string | null | undefined;
  readonly uuid?: string | null | undefined;
  readonly label?: string | null | undefined;
}

const Node = z.object({
  name: z.string(),
  path: text,
  type: text,
  size: z.union([z.number(), z.string()]).nullish(),
  model: text,
  serial: text,
  wwn: text,
  tran: text,
  fstype: text,
  uuid: text,
  label: text,
  get children() {
    return z.array(Node).optional();
  },
});
type Node = z.infer<typeof Node>;

const Output = z.object({ blockdevices: z.array(Node) });

/** Flattens lsblk's tree; what is not lsblk's JSON (a missing or old lsblk) is an empty list. */
export function parseLsblk(json: string): readonly BlockDevice[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return [];
  }
  const parsed = Output.safeParse(value);
  return parsed.success ? parsed.data.blockdevices.flatMap(flatten) : [];
}

function flatten(node: Node): readonly BlockDevice[] {
  const type = node.type ?? "disk";
  const mapped = type === "lvm" || type === "crypt" || type === "dm" || type === "mpath";
  return [
    {
      device: node.path ?? (mapped ? `/dev/mapper/${node.name}` : `/dev/${node.name.replaceAll("!", "/")}`),
      type,
      size: Number(node.size ?? 0),
      model: node.model?.trim(),
      serial: node.serial?.trim(),
      wwn: node.wwn,
      transport: node.tran,
      fstype: node.fstype,
      uuid: node.uuid,
      label: node.label,
    },
    ...(node.children ?? []).flatMap(flatten),
  ];
}
