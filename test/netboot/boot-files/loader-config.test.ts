import { describe, expect, it } from "vitest";
import type { MacAddress } from "../../../base/net-types.ts";
import { renderGrub } from "../../../netboot/boot-files/grub.ts";
import { grubName, parseLoaderConfigName, pxelinuxName } from "../../../netboot/boot-files/names.ts";
import { renderPxelinux } from "../../../netboot/boot-files/pxelinux.ts";
import type { BootDecision } from "../../../netboot/booter.ts";

const context = { httpBase: "http://10.0.0.1:8088" };
const install: BootDecision = {
  kind: "install",
  kernel: "/boot/flavors/standard/kernel",
  initrds: ["/boot/flavors/standard/initrd.img"],
  cmdline: "console=ttyS0,115200 ingot.token=ab12",
  reason: "armed with web@3",
};
const local: BootDecision = { kind: "local-disk", reason: "not armed" };

describe("renderPxelinux()", () => {
  it("writes an install", () => {
    expect(renderPxelinux(install, context)).toEqual({
      ok: true,
      value: `# armed with web@3
DEFAULT ingot
PROMPT 0
LABEL ingot
  KERNEL http://10.0.0.1:8088/boot/flavors/standard/kernel
  INITRD http://10.0.0.1:8088/boot/flavors/standard/initrd.img
  APPEND console=ttyS0,115200 ingot.token=ab12
`,
    });
  });

  it("writes the local disk", () => {
    expect(renderPxelinux(local, context)).toMatchObject({
      ok: true,
      value: expect.stringContaining("  LOCALBOOT 0\n"),
    });
  });

  it.each([
    ["exit", "LOCALBOOT -1"],
    ["disk", "LOCALBOOT 0x80"],
  ] as const)("goes a node's own way to its disk: %s", (method, line) => {
    const config = renderPxelinux({ ...local, method } as BootDecision, context);

    expect(config.ok && config.value).toContain(`  ${line}\n`);
  });

  it.each([
    ["a line end in the command line", { ...install, cmdline: "a\nb" }],
    ["a comma in a ramdisk's name", { ...install, initrds: ["/a,b"] }],
    ["a command line that Linux would cut", { ...install, cmdline: "x".repeat(2048) }],
  ])("refuses %s", (_, decision) => {
    expect(renderPxelinux(decision, context).ok).toBe(false);
  });
});

describe("renderGrub()", () => {
  it("writes an install", () => {
    expect(renderGrub(install, context)).toEqual({
      ok: true,
      value: `# armed with web@3
for ingot in '(http,10.0.0.1:8088)' '(tftp,10.0.0.1)'; do
  if linux "$ingot"'/boot/flavors/standard/kernel' 'console=ttyS0,115200' 'ingot.token=ab12'; then
    initrd "$ingot"'/boot/flavors/standard/initrd.img'
    boot
  fi
done
echo 'Ingot: starting over'
sleep 10
reboot
`,
    });
  });

  it("fetches another server's kernel from there", () => {
    const config = renderGrub({ ...install, kernel: "http://10.0.0.9/k" }, context);

    expect(config.ok && config.value).toContain("  if linux '(http,10.0.0.9)/k' ");
  });

  it.each([undefined, "auto", "grub", "disk"])(
    "looks for the disk's own loader where the way is %s",
    (method) => {
      const config = renderGrub({ ...local, method } as BootDecision, context);

      expect(config.ok && config.value).toContain("/EFI/debian/shimx64.efi");
      expect(config.ok && config.value).toMatch(/\n {4}chainloader \$loader\n {4}boot\n[\s\S]*\nexit 1\n$/);
    },
  );

  it("hands the machine back to its firmware where that is the node's way", () => {
    expect(renderGrub({ ...local, method: "exit" } as BootDecision, context)).toEqual({
      ok: true,
      value: "# not armed\nexit 1\n",
    });
  });

  it.each([
    ["a quote in the command line", { ...install, cmdline: "a='b'" }],
    ["HTTPS, which GRUB does not speak", { ...install, kernel: "https://10.0.0.1/k" }],
  ])("refuses %s", (_, decision) => {
    expect(renderGrub(decision, context).ok).toBe(false);
  });
});

describe("parseLoaderConfigName()", () => {
  const mac = "52:54:00:aa:00:01" as MacAddress;

  it("is the inverse of the names", () => {
    expect(parseLoaderConfigName(pxelinuxName(mac))).toMatchObject({ loader: "pxelinux", machine: { mac } });
    expect(parseLoaderConfigName(grubName(mac))).toMatchObject({
      loader: "grub",
      machine: { mac, arch: { firmware: "uefi" } },
    });
  });

  it("knows a machine also by GRUB's own variable, with colons", () => {
    expect(parseLoaderConfigName(`grub/grub.cfg-01-${mac}`)).toMatchObject({
      loader: "grub",
      machine: { mac },
    });
  });

  it.each([
    ["arm64", 11],
    ["x86_64", 7],
  ])("knows GRUB's processor %s, where the name tells", (processor, code) => {
    expect(parseLoaderConfigName(`grub/grub.cfg-01-${mac}-${processor}`)).toMatchObject({
      loader: "grub",
      machine: { mac, arch: { code } },
    });
  });

  it("knows a machine's UUID, where a script could say it", () => {
    const uuid = "4c4c4544-0042-3510-8052-b4c04f4b3432";

    expect(parseLoaderConfigName(`grub/grub.cfg-01-${mac}-arm64-${uuid.toUpperCase()}`)).toMatchObject({
      loader: "grub",
      machine: { mac, uuid, arch: { code: 11 } },
    });
  });

  it.each(["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"])(
    "takes %s for no UUID",
    (uuid) => {
      expect(parseLoaderConfigName(`grub/grub.cfg-01-${mac}-arm64-${uuid}`)?.machine.uuid).toBeUndefined();
    },
  );

  it.each([
    "grub/grub.cfg-01-52:54:00:aa:00:01-arm64-12345678-1234-1234-1234-1234567890-2",
    "grub/grub.cfg-01-52:54:00:aa:00:01-vax",
    "pxelinux.cfg/default",
    "grub/grub.cfg",
    "grub.cfg",
    "pxelinux.cfg/01-52-54-00-aa-00",
    "../grub/grub.cfg-01-52-54-00-aa-00-01",
  ])("knows no machine of %s", (name) => {
    expect(parseLoaderConfigName(name)).toBeUndefined();
  });
});
