import { describe, expect, test } from "vitest";
import type { ImageName, VersionId } from "../../../images/manifest.ts";
import { parseHost } from "../../../server/hosts/host.ts";
import { pulledOverrides } from "../../../server/overrides/for-node.ts";

const present = new Set(["all", "rack", "web01", "loner"]);

/** What of the services it asks: two nodes, and a version of each override that there is. */
function services(): Parameters<typeof pulledOverrides>[0] {
  const hosts = [
    { name: "web01", ip: "10.0.0.1", groups: ["rack"] },
    { name: "plain", ip: "10.0.0.2" },
  ].map((input) => {
    const host = parseHost(input);
    if (!host.ok) {
      throw new Error(host.error);
    }
    return host.value;
  });
  return {
    hosts: { list: () => hosts, get: (name: string) => hosts.find((host) => host.name === name) },
    overrides: {
      overlays: {},
      freeze: async (names: readonly ImageName[]): Promise<readonly VersionId[]> =>
        names.filter((name) => present.has(name)).map((image) => ({ image, number: 1 })),
    },
  } as unknown as Parameters<typeof pulledOverrides>[0];
}

async function pulled(hostname: string, address: string): Promise<readonly string[]> {
  const peer = { address, local: false };
  const { versions } = await pulledOverrides(services(), { hostname, peer, image: "web" });
  return versions.map(({ image }) => image);
}

describe("pulledOverrides()", () => {
  test("knows a node by its address, whatever it says", async () => {
    expect(await pulled("web01", "10.0.0.1")).toEqual(["all", "rack", "web01"]);
    expect(await pulled("web01", "10.0.0.2")).toEqual(["all"]);
  });

  test("gives who cannot be told what all nodes get", async () => {
    expect(await pulled("plain", "192.0.2.9")).toEqual(["all"]);
    expect(await pulled("stranger", "192.0.2.9")).toEqual(["all"]);
    expect(await pulled("; rm -rf /", "192.0.2.9")).toEqual(["all"]);
  });

  test.each(["web01", "WEB01", "loner"])(
    "refuses one that says it is %s, which has its own",
    async (name) => {
      await expect(pulled(name, "192.0.2.9")).rejects.toMatchObject({ code: "refused" });
    },
  );
});
