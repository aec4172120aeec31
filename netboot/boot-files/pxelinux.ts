/**
 * PXELINUX configuration. Its lines have no quotes or escapes: a keyword, then text to the line's end. Kernel and ramdisk come
 * by HTTP, which lpxelinux.0 speaks and pxelinux.0 does not.
 */
import { err, ok, type Result } from "../../base/result.ts";
import type { BootDecision } from "../booter.ts";

/** x86 Linux keeps 2047 characters of its command line; PXELINUX puts the ramdisks' names there too. */
const lineLimit = 2047;

/** The configuration that carries a decision out. */
export function renderPxelinux(
  decision: BootDecision,
  context: { readonly httpBase: string },
): Result<string, string> {
  if (decision.kind === "local-disk" || decision.kind === "ignore") {
    return ok(lines(decision.reason, `LOCALBOOT ${localBoot(decision)}`));
  }
  const kernel = placeOf(decision.kernel, context.httpBase);
  const initrds = decision.initrds.map((initrd) => placeOf(initrd, context.httpBase));
  if (kernel === undefined || initrds.includes(undefined)) {
    return err("a kernel's or ramdisk's place is not a URL or path that PXELINUX can take");
  }
  const append = decision.cmdline.trim();
  if (!/^[\x20-\x7e]*$/.test(append) || append.length > lineLimit) {
    return err(`the kernel's command line is not printable ASCII of at most ${lineLimit} characters`);
  }
  return ok(
    lines(
      decision.reason,
      `KERNEL ${kernel}`,
      ...(initrds.length === 0 ? [] : [`INITRD ${initrds.join(",")}`]),
      ...(append === "" ? [] : [`APPEND ${append}`]),
    ),
  );
}

/** 0 is the BIOS's own way on, -1 its next device, 0x80 the first disk's boot sector. */
function localBoot(decision: BootDecision): string {
  const method = decision.kind === "local-disk" ? decision.method : undefined;
  return method === "exit" ? "-1" : method === "disk" ? "0x80" : "0";
}

function placeOf(place: string, httpBase: string): string | undefined {
  const url = URL.canParse(place, httpBase) ? new URL(place, httpBase).href : undefined;
  return url !== undefined && /^[\x21-\x7e]+$/.test(url) && !url.includes(",") ? url : undefined;
}

function lines(reason: string, ...commands: readonly string[]): string {
  const said = reason.replace(/[^\x20-\x7e]/g, "?");
  const head = [`# ${said}`, "DEFAULT ingot", "PROMPT 0", "LABEL ingot"];
  return `${[...head, ...commands.map((command) => `  ${command}`)].join("\n")}\n`;
}
