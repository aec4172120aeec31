/**
 * iPXE scripts. iPXE expands `${…}` anywhere in a line before it splits it at spaces, and knows neither quotes nor escapes, so
 * a value that holds such text cannot be written and is refused.
 */
import { err, ok, type Result } from "../../base/result.ts";
import type { Firmware } from "../arch.ts";
import type { BootDecision } from "../booter.ts";
import { grubLoader } from "./names.ts";

export interface IpxeContext {
  /** What the decision's paths are relative to: `http://10.0.0.1:8088`. */
  readonly httpBase: string;
  readonly firmware: Firmware;
}

/** x86 Linux keeps 2047 characters of its command line and drops the rest in silence. */
const cmdlineLimit = 2047;

/** The script that carries a decision out. Fails where the decision holds text that no script can. */
export function renderIpxe(decision: BootDecision, context: IpxeContext): Result<string, string> {
  switch (decision.kind) {
    case "install":
    case "discover":
    case "rescue":
      return renderLinux(decision, context);
    case "local-disk":
      return ok(renderLocalDisk(decision, context));
    case "ignore":
      return ok(lines("#!ipxe", `echo Ingot: nothing to boot: ${plain(decision.reason)}`, "exit 1"));
  }
}

function renderLinux(
  decision: Extract<BootDecision, { readonly kernel: string }>,
  context: IpxeContext,
): Result<string, string> {
  const initrds = decision.initrds.map((path, index) => ({ name: `initrd${index}.img`, path }));
  // The EFI stub finds its ramdisks by these arguments; a BIOS kernel is told where they lie and takes no notice.
  const cmdline = [decision.cmdline.trim(), ...initrds.map(({ name }) => `initrd=${name}`)].join(" ").trim();
  const problem = unwritable(cmdline);
  if (problem !== undefined) {
    return err(`the kernel's command line ${problem}`);
  }
  const kernel = absolute(decision.kernel, context.httpBase);
  const ramdisks = initrds.map(({ name, path }) => ({ name, url: absolute(path, context.httpBase) }));
  const urls = [kernel, ...ramdisks.map(({ url }) => url)];
  if (urls.some((url) => url === undefined)) {
    return err("a kernel's or ramdisk's place is not a URL or path");
  }
  return ok(
    lines(
      "#!ipxe",
      `echo Ingot: ${decision.kind}: ${plain(decision.reason)}`,
      "set attempt:int32 0",
      ":fetch",
      "imgfree",
      `kernel --name kernel ${kernel} ${cmdline} || goto failed`,
      ...ramdisks.map(({ name, url }) => `initrd --name ${name} ${url} || goto failed`),
      "boot || goto failed",
      ":failed",
      "inc attempt",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: iPXE's own syntax.
      "iseq ${attempt} 10 && goto start_over ||",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: iPXE's own syntax.
      "echo Ingot: attempt ${attempt} failed, trying again in 5 seconds",
      "sleep 5",
      "goto fetch",
      ":start_over",
      "echo Ingot: giving up, starting over",
      "sleep 10",
      "reboot",
    ),
  );
}

const [firstDisk, secondDisk] = ["0x80", "0x81"].map((drive) => `sanboot --no-describe --drive ${drive}`);

/**
 * BIOS: iPXE starts the first disk's boot sector itself, since many BIOSes do not go on to the next device after a network boot program
 * returns; where there is none, as on the new disk of a mirror, the second's; where that fails, hand back. UEFI: a boot option that
 * returns an error makes the firmware try the next one, while success may end in its menu (UEFI 2.10, section 3.1.7). For UEFI that goes
 * nowhere after that, GRUB looks for the disk's own loader: its configuration for this machine says so (grub.ts).
 */
function renderLocalDisk(
  { reason, method }: Extract<BootDecision, { readonly kind: "local-disk" }>,
  { firmware, httpBase }: IpxeContext,
): string {
  const say = `echo Ingot: local disk: ${plain(reason)}`;
  if (firmware === "bios") {
    return method === "exit"
      ? lines("#!ipxe", say, "exit 1")
      : lines("#!ipxe", say, `${firstDisk} || ${secondDisk} || exit 1`);
  }
  return method === "grub"
    ? lines("#!ipxe", say, `chain tftp://${new URL(httpBase).hostname}/${grubLoader} || exit 1`)
    : lines("#!ipxe", say, "exit 1");
}

function absolute(place: string, httpBase: string): string | undefined {
  if (!URL.canParse(place, httpBase)) {
    return undefined;
  }
  const url = new URL(place, httpBase).href;
  return unwritable(url) === undefined && !url.includes(" ") ? url : undefined;
}

/** Why text cannot stand in an iPXE command, if so. */
function unwritable(text: string): string | undefined {
  if (!/^[\x20-\x7e]*$/.test(text)) {
    return "holds characters that are not printable ASCII";
  }
  if (text.includes("${") || /(^| )(\|\||&&)( |$)/.test(text)) {
    return "holds iPXE's own syntax (${, || or &&)";
  }
  return text.length > cmdlineLimit ? `is over ${cmdlineLimit} characters` : undefined;
}

/** Text for people, with everything that iPXE might take for syntax left out. */
function plain(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, "?")
    .replace(/[$|&]/g, "")
    .slice(0, 200);
}

function lines(...all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
