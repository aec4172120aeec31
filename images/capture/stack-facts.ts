/** What the probe says of arrays (sysfs), volume groups (lvm's own reports) and encrypted volumes (device mapper). */
import type { ArrayFacts, CryptFacts, VolumeGroupFacts } from "./facts.ts";
import { parseAssignments } from "./sections.ts";

/** md's numbers for where parity goes. */
const parityLayouts = ["left-asymmetric", "right-asymmetric", "left-symmetric", "right-symmetric"];

function layoutName(level: string, text: string | undefined): string | undefined {
  const number = Number(text);
  if (text === undefined || text === "" || !Number.isInteger(number)) {
    return undefined;
  }
  if (level === "raid5" || level === "raid6") {
    return parityLayouts[number];
  }
  if (level !== "raid10") {
    return undefined;
  }
  const near = number & 0xff;
  const far = (number >> 8) & 0xff;
  if (far > 1) {
    return `${(number & 0x10000) === 0 ? "f" : "o"}${far}`;
  }
  return near > 0 ? `n${near}` : undefined;
}

/** Parses the `md` section: `array=NAME` and its values, then `member=NAME` and its slot each. */
export function parseArrays(text: string): readonly ArrayFacts[] {
  return text
    .split(/^array=/m)
    .slice(1)
    .flatMap((block) => {
      const [head = "", ...parts] = block.split(/^member=/m);
      const values = parseAssignments(head);
      const level = values.get("level") ?? "";
      if (level === "" || level === "container") {
        return [];
      }
      const members = parts
        .map((part) => ({
          device: `/dev/${firstLine(part).replaceAll("!", "/")}`,
          slot: Number(parseAssignments(part).get("slot") ?? Number.NaN),
        }))
        .sort((a, b) => order(a.slot) - order(b.slot));
      const chunk = Number(values.get("chunk"));
      const metadata = values.get("metadata");
      const layout = layoutName(level, values.get("layout"));
      return [
        {
          device: `/dev/${firstLine(head)}`,
          level,
          active: Number(values.get("disks")) || members.filter(({ slot }) => !Number.isNaN(slot)).length,
          members: members.map(({ device }) => device),
          ...(Number.isInteger(chunk) && chunk >= 1024 ? { chunkKib: chunk / 1024 } : {}),
          ...(metadata === undefined || !/^[01]\.\d{1,2}$/.test(metadata) ? {} : { metadata }),
          ...(layout === undefined ? {} : { layout }),
        },
      ];
    });
}

/** A spare has no slot and comes last. */
function order(slot: number): number {
  return Number.isNaN(slot) ? 1_000_000 : slot;
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

/** Rows of a report with `|` between the columns. */
function rows(text: string): readonly (readonly string[])[] {
  return text
    .split("\n")
    .map((line) => line.trim().split("|"))
    .filter((columns) => columns.length > 1);
}

/** Puts the reports of `vgs`, `pvs` and `lvs` together. Sizes are bytes. */
export function parseVolumeGroups(reports: {
  readonly vgs: string;
  readonly pvs: string;
  readonly lvs: string;
}): readonly VolumeGroupFacts[] {
  const members = rows(reports.pvs);
  const volumes = rows(reports.lvs);
  return rows(reports.vgs)
    .filter(([name = ""]) => name !== "")
    .map(([name = "", extent = "", size = "", free = ""]) => ({
      name,
      extentBytes: Number(extent) || 4 * 1024 ** 2,
      size: Number(size) || 0,
      free: Number(free) || 0,
      members: members.filter(([, group]) => group === name).map(([device = ""]) => device),
      volumes: volumes
        .filter(([group]) => group === name)
        .map(([, volume = "", bytes = "", segments = ""]) => ({
          name: volume,
          size: Number(bytes) || 0,
          segments,
        })),
    }));
}

/** Parses the `crypt` section: name and the device below, a line each. */
export function parseCrypts(text: string): readonly CryptFacts[] {
  return rows(text).flatMap(([name = "", device = ""]) =>
    name === "" || device === ""
      ? []
      : [{ name, device: device.startsWith("/") ? device : `/dev/${device}` }],
  );
}
