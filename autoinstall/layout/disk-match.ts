/**
 * Which disk of a machine is meant, by what stays the same over reboots and cables: `serial=S3Z9NB0K123`, `transport=nvme,size=400G-600G`.
 * Conditions are joined by commas and must all hold.
 */
import { parseByteSize } from "../../base/quantity.ts";
import { err, ok, type Result } from "../../base/result.ts";

/** Conditions as the master script reads them: sizes are `minmib=` and `maxmib=`. */
export interface DiskMatch {
  readonly conditions: readonly string[];
}

const mebibyte = 1024 ** 2;
const plainWord = /^[A-Za-z0-9][A-Za-z0-9._:+-]{0,127}$/;
const transports = ["nvme", "sata", "ata", "sas", "scsi", "virtio", "usb", "fc", "iscsi", "mmc"];

function sizeConditions(text: string): Result<readonly string[], string> {
  const [, least = "", most = ""] = /^([^-]*)-?([^-]*)$/.exec(text) ?? [];
  const bounds = [
    { name: "minmib", text: least, round: Math.ceil },
    { name: "maxmib", text: most, round: Math.floor },
  ].filter((bound) => bound.text !== "");
  const conditions: string[] = [];
  for (const bound of bounds) {
    const size = parseByteSize(bound.text);
    if (!size.ok) {
      return err(size.error);
    }
    conditions.push(`${bound.name}=${bound.round(size.value / mebibyte)}`);
  }
  return conditions.length === 0 ? err("size= wants 400G-600G, 400G- or -600G") : ok(conditions);
}

function conditionOf(text: string): Result<readonly string[], string> {
  const [, name = "", value = ""] = /^([a-z]+)=(.*)$/.exec(text) ?? [];
  switch (name) {
    case "serial":
    case "wwn":
    case "path":
    case "id":
      return plainWord.test(value) ? ok([text]) : err(`'${text}' has characters that no ${name} has`);
    case "transport":
      return transports.includes(value) ? ok([text]) : err(`'${text}' is none of ${transports.join(", ")}`);
    case "rotational":
      return ["yes", "no"].includes(value)
        ? ok([text])
        : err(`'${text}' is not rotational=yes or rotational=no`);
    case "size":
      return text.includes("-") ? sizeConditions(value) : err("size= wants 400G-600G, 400G- or -600G");
    default:
      return err(`'${text}' is not serial=, wwn=, path=, id=, transport=, rotational= or size=`);
  }
}

/** Reads conditions; says which is none. */
export function parseDiskMatch(text: string): Result<DiskMatch, string> {
  const conditions: string[] = [];
  for (const word of text.split(",").map((one) => one.trim())) {
    const read = conditionOf(word);
    if (!read.ok) {
      return read;
    }
    conditions.push(...read.value);
  }
  return ok({ conditions });
}

/** A disk as an administrator names it: a device node, or conditions. Gives the word that the master script takes. */
export function parseDiskWord(text: string): Result<string, string> {
  if (text.startsWith("/dev/")) {
    return /^\/dev\/[A-Za-z0-9/_.:+-]+$/.test(text) && !text.includes("..")
      ? ok(text)
      : err(`'${text}' is not a device node`);
  }
  const match = parseDiskMatch(text);
  return match.ok ? ok(match.value.conditions.join(",")) : match;
}
