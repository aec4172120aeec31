import { describe, expect, it } from "vitest";
import type { MacAddress } from "../../../base/net-types.ts";
import { clientArch, loaderTarget } from "../../../netboot/arch.ts";
import { renderIpxe } from "../../../netboot/boot-files/ipxe.ts";
import {
  parseScriptFileName,
  parseScriptQuery,
  scriptFileName,
  scriptUrl,
} from "../../../netboot/boot-files/names.ts";
import type { BootDecision, Machine } from "../../../netboot/booter.ts";

const context = { httpBase: "http://10.0.0.1:8088", firmware: "bios" } as const;
const install: BootDecision = {
  kind: "install",
  kernel: "/boot/files/standard/vmlinuz",
  initrds: ["/boot/files/standard/initrd.img", "http://10.0.0.9/extra.img"],
  cmdline: "console=ttyS0 ingot.server=10.0.0.1",
  reason: "armed for web@3",
};

function linesOf(decision: BootDecision, firmware: "bios" | "uefi" = "bios"): readonly string[] {
  const script = renderIpxe(decision, { ...context, firmware });
  return script.ok ? script.value.split("\n") : [`error: ${script.error}`];
}

describe("renderIpxe()", () => {
  it("loads kernel and ramdisks by name and tries again when that fails", () => {
    expect(linesOf(install)).toEqual([
      "#!ipxe",
      "echo Ingot: install: armed for web@3",
      "set attempt:int32 0",
      ":fetch",
      "imgfree",
      "kernel --name kernel http://10.0.0.1:8088/boot/files/standard/vmlinuz console=ttyS0 ingot.server=10.0.0.1 initrd=initrd0.img initrd=initrd1.img || goto failed",
      "initrd --name initrd0.img http://10.0.0.1:8088/boot/files/standard/initrd.img || goto failed",
      "initrd --name initrd1.img http://10.0.0.9/extra.img || goto failed",
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
      "",
    ]);
  });

  it.each([
    ["bios", "sanboot --no-describe --drive 0x80 || sanboot --no-describe --drive 0x81 || exit 1"],
    ["uefi", "exit 1"],
  ] as const)("starts the local disk under %s", (firmware, last) => {
    expect(linesOf({ kind: "local-disk", reason: "installed" }, firmware)).toEqual([
      "#!ipxe",
      "echo Ingot: local disk: installed",
      last,
      "",
    ]);
  });

  it.each([
    ["bios", "exit", "exit 1"],
    ["bios", "disk", "sanboot --no-describe --drive 0x80 || sanboot --no-describe --drive 0x81 || exit 1"],
    ["uefi", "grub", "chain tftp://10.0.0.1/grubx64.efi || exit 1"],
    ["uefi", "disk", "exit 1"],
  ] as const)("goes a node's own way to its disk: %s by %s", (firmware, method, last) => {
    expect(linesOf({ kind: "local-disk", reason: "installed", method }, firmware)[2]).toBe(last);
  });

  it("lets no text for people become a command", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: iPXE's own syntax.
    const reason = "a\nreboot || b && ${c} \x1b[1m";

    expect(linesOf({ kind: "ignore", reason })).toEqual([
      "#!ipxe",
      "echo Ingot: nothing to boot: a?reboot  b  {c} ?[1m",
      "exit 1",
      "",
    ]);
  });

  it.each([
    ["a line end", { cmdline: "a\nreboot" }, /ASCII/],
    ["a command's end", { cmdline: "a || reboot" }, /iPXE/],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: iPXE's own syntax.
    ["a setting", { cmdline: "a=${net0/mac}" }, /iPXE/],
    ["2100 characters", { cmdline: "a".repeat(2100) }, /2047/],
    ["a kernel that is no URL", { kernel: "http://[" }, /URL/],
  ])("refuses %s", (_, change, reason) => {
    expect(renderIpxe({ ...install, ...change } as BootDecision, context)).toMatchObject({
      ok: false,
      error: expect.stringMatching(reason),
    });
  });
});

describe("boot file names", () => {
  const machine: Machine = {
    ...{ mac: "52:54:00:aa:00:01" as MacAddress, uuid: "12345678-9abc-def0-1234-56789abcdef0" },
    ...{ arch: clientArch(7), isIpxe: true, isHttpBoot: false },
  };

  it("the script's URL leads back to its machine", () => {
    const url = new URL(scriptUrl("http://10.0.0.1:8088", machine));

    expect(parseScriptQuery(url.searchParams)).toEqual({ ok: true, value: machine });
  });

  it("the script's TFTP name leads back to its machine", () => {
    const { uuid: _, ...known } = machine;

    expect(parseScriptFileName(scriptFileName(machine))).toEqual(known);
  });

  it.each([
    "mac=nonsense",
    "mac=52:54:00:aa:00:01&arch=-1",
    "mac=52:54:00:aa:00:01&arch=70000",
    "mac=52:54:00:aa:00:01&uuid=x",
    "",
  ])("refuses the query %j", (query) => {
    expect(parseScriptQuery(new URLSearchParams(query)).ok).toBe(false);
  });

  it.each(["undionly.kpxe", "ipxe/52-54-00-aa-00-01", "ipxe/52-54-00-aa-00-01/99999.ipxe", "ipxe/x/7.ipxe"])(
    "takes %s for no script",
    (name) => {
      expect(parseScriptFileName(name)).toBeUndefined();
    },
  );

  it.each([
    [0, "bios-x86"],
    [7, "uefi-x64"],
    [9, "uefi-x64"],
    [11, "uefi-arm64"],
    [16, "uefi-x64"],
    [999, "uefi-other"],
  ])("architecture %i wants the loader for %s", (code, target) => {
    expect(loaderTarget(clientArch(code))).toBe(target);
  });
});
