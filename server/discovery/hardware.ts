/** What a machine says of its hardware, checked: it is as hostile as any other. */
import { err, ok, type Result } from "../../base/result.ts";
import { type Hardware, HardwareReport } from "../api/schema/discovery.ts";

/** Reads what netboot/ramdisk/hardware.sh prints. */
export function parseHardware(text: string): Result<Hardware, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return err("the hardware report is not JSON");
  }
  const report = HardwareReport.safeParse(value);
  if (!report.success) {
    const [issue] = report.error.issues;
    return err(`the hardware report is wrong at ${issue?.path.join(".") ?? "?"}: ${issue?.message ?? "?"}`);
  }
  const { lsblk, nics, memory, ...rest } = report.data;
  return ok({
    ...textOf(rest),
    firmware: rest.firmware,
    secureBoot: rest.secureBoot,
    cpuThreads: rest.cpuThreads,
    cpuSockets: rest.cpuSockets,
    memory: memory * 1024,
    nics: nics.map((nic) => ({ ...nic, name: clean(nic.name), driver: clean(nic.driver) })),
    disks: lsblk.blockdevices
      .filter((disk) => disk.size > 0 && !/^(zram|nbd|md|dm-)/.test(disk.name))
      .map((disk) => ({
        name: clean(disk.name),
        size: disk.size,
        rotational: disk.rota,
        transport: clean(disk.tran ?? ""),
        model: clean(disk.model ?? ""),
        serial: clean(disk.serial ?? ""),
        wwn: clean(disk.wwn ?? ""),
      })),
  });
}

type Texts = Pick<
  Hardware,
  "vendor" | "product" | "serial" | "uuid" | "board" | "biosVersion" | "machine" | "cpuModel"
>;

function textOf(texts: Texts): Texts {
  return {
    vendor: meaningful(texts.vendor),
    product: meaningful(texts.product),
    serial: meaningful(texts.serial),
    uuid: clean(texts.uuid).toLowerCase(),
    board: meaningful(texts.board),
    biosVersion: clean(texts.biosVersion),
    machine: clean(texts.machine),
    cpuModel: clean(texts.cpuModel),
  };
}

/** Board makers leave such texts in: they would make one name for many machines. */
function meaningful(text: string): string {
  const cleaned = clean(text);
  return /^(to be filled by o\.?e\.?m\.?|default string|not specified|system serial number|none|unknown|0+|x+)$/i.test(
    cleaned,
  )
    ? ""
    : cleaned;
}

function clean(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, " ")
    .replace(/ +/g, " ")
    .trim();
}
