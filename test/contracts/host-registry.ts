import { describe, expect, it } from "vitest";
import { type Host, type HostInput, type HostName, parseHost } from "../../server/hosts/host.ts";
import type { HostRegistry } from "../../server/hosts/registry.ts";

function host(name: string, parts: Omit<HostInput, "name"> = {}): Host {
  const parsed = parseHost({ name, ...parts });
  if (!parsed.ok) {
    throw new Error(parsed.error);
  }
  return parsed.value;
}

/** What every host registry does. `open` makes an empty one; `reopen` opens what the last one left. */
export function hostRegistryContract(
  make: () => { readonly open: () => HostRegistry; readonly reopen: () => HostRegistry },
): void {
  describe("host registry", () => {
    const first = host("n1", { macs: ["52:54:00:00:00:01", "52:54:00:00:00:02"], ip: "10.0.0.1" });
    const uuid = "564d1234-0000-4000-8000-0123456789ab";
    const second = host("n2", { macs: ["52:54:00:00:00:03"], ip: "10.0.0.2", uuid });

    it("finds a host by name, by each MAC, by UUID and by address", () => {
      const registry = make().open();

      registry.add([first, second]);

      expect(registry.get(first.name)).toEqual(first);
      expect(first.macs.map((mac) => registry.byMac(mac)?.name)).toEqual(["n1", "n1"]);
      expect(second.ip && registry.byAddress(second.ip)?.name).toBe("n2");
      expect(registry.byUuid(uuid)?.name).toBe("n2");
      expect(registry.list().map(({ name }) => name)).toEqual(["n1", "n2"]);
    });

    const taken: Record<string, Host> = {
      name: host("n1"),
      MAC: host("n3", { macs: ["52:54:00:00:00:02"] }),
      address: host("n3", { ip: "10.0.0.1" }),
    };
    it.each(Object.entries(taken))("adds none of several where a %s is taken", (_what, wrong) => {
      const registry = make().open();
      registry.add([first]);

      expect(() => registry.add([second, wrong])).toThrow(expect.objectContaining({ code: "conflict" }));

      expect(registry.list()).toEqual([first]);
    });

    it("lets a UUID be one node's, at adding and at replacing, and another's when that has let it go", () => {
      const registry = make().open();
      registry.add([first, second]);

      const conflict = expect.objectContaining({ code: "conflict", message: expect.stringContaining("n2") });
      expect(() => registry.add([host("n3", { uuid })])).toThrow(conflict);
      expect(() => registry.replace([{ ...first, uuid }])).toThrow(conflict);
      registry.replace([host("n2")]);
      registry.replace([{ ...first, uuid }]);

      expect(registry.byUuid(uuid)?.name).toBe("n1");
    });

    it("replaces all parts of a host, and refuses one that is not there", () => {
      const registry = make().open();
      registry.add([first]);
      const changed: Host = { ...host("n1", { macs: ["52:54:00:00:00:09"] }), kernelArguments: "quiet" };

      registry.replace([changed]);

      expect(registry.get(first.name)).toEqual(changed);
      expect(first.macs[0] && registry.byMac(first.macs[0])).toBeUndefined();
      expect(() => registry.replace([second])).toThrow(expect.objectContaining({ code: "not-found" }));
    });

    it("removes all or none", () => {
      const registry = make().open();
      registry.add([first]);

      expect(() => registry.remove([first.name, "other" as HostName])).toThrow(
        expect.objectContaining({ code: "not-found" }),
      );

      expect(registry.list()).toEqual([first]);
    });

    it("keeps everything over a restart", () => {
      const { open, reopen } = make();
      const full: Host = {
        ...first,
        image: { image: "web" as never, number: 3 },
        seen: { at: 17, firmware: "uefi", address: "10.0.0.1" },
      };
      open().add([full]);

      expect(reopen().list()).toEqual([full]);
    });
  });
}
