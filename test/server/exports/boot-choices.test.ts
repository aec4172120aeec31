import { describe, expect, it } from "vitest";
import type { Ipv4Address } from "../../../base/net-types.ts";
import { defaultLoaders } from "../../../netboot/arch.ts";
import { bootChoices } from "../../../server/exports/boot-choices.ts";
import type { ExportNetwork } from "../../../server/exports/site.ts";

const ip = (text: string): Ipv4Address => text as Ipv4Address;
const network: ExportNetwork = {
  ...{ interfaceName: "lo", subnet: { network: ip("10.77.0.0"), prefix: 24 }, dns: [], leaseSeconds: 600 },
  ...{ options: [], loaders: defaultLoaders },
  ...{ server: ip("10.77.0.1"), httpBase: "http://10.77.0.1:8088" },
};

describe("bootChoices()", () => {
  it.each([
    ["told nothing where no flavor brought it a loader", {}, undefined],
    [
      "told the loader that came with its flavor",
      { flavorLoaders: ["grubaa64.efi", "grubhttpaa64.efi"] },
      "http://10.77.0.1:8088/boot/loader/grubhttpaa64.efi",
    ],
    [
      "told the site's own loader where that speaks HTTP",
      { flavorLoaders: ["grubhttpaa64.efi"], loaders: { "uefi-arm64": "ipxe-arm64.efi" } },
      "http://10.77.0.1:8088/boot/loader/ipxe-arm64.efi",
    ],
  ])("an ARM server that boots by HTTP is %s", (_, change, file) => {
    const choices = bootChoices({ ...network, ...change });

    expect(choices.find(({ name }) => name === "http-arm64")?.file).toBe(file);
  });
});
