import { afterEach, describe, expect, it } from "vitest";
import type { MacAddress } from "../../../base/net-types.ts";
import { discardLog } from "../../../base/ports.ts";
import { clientArch } from "../../../netboot/arch.ts";
import { type HostInput, parseHost } from "../../../server/hosts/host.ts";
import { createSqliteRegistry } from "../../../server/hosts/sqlite-registry.ts";
import { knownHost } from "../../../server/netboot/known-host.ts";
import { openDatabase } from "../../../server/state/database.ts";

const uuid = "564d1234-0000-4000-8000-0123456789ab";
const mac = (last: number): MacAddress => `52:54:00:00:00:${String(last).padStart(2, "0")}` as MacAddress;
const machine = (last: number, id?: string) => ({
  ...{ mac: mac(last), arch: clientArch(7), isIpxe: false, isHttpBoot: false },
  ...(id === undefined ? {} : { uuid: id }),
});

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const database of opened.splice(0)) {
    database.close();
  }
});

function services(...nodes: readonly HostInput[]) {
  const database = openDatabase(":memory:");
  opened.push(database);
  const hosts = createSqliteRegistry(database);
  hosts.add(
    nodes.map(parseHost).map((parsed) => {
      if (!parsed.ok) {
        throw new Error(parsed.error);
      }
      return parsed.value;
    }),
  );
  return { hosts, log: discardLog };
}

describe("knownHost()", () => {
  it("knows a machine by its UUID, and from then on by the card that it came with", () => {
    const all = services({ name: "n1", uuid });

    expect(knownHost(all, machine(1))).toBeUndefined();
    expect(knownHost(all, machine(1, uuid))?.name).toBe("n1");

    expect(knownHost(all, machine(1))).toMatchObject({ name: "n1", macs: [mac(1)] });
    expect(all.hosts.byMac(mac(1))?.name).toBe("n1");
  });

  it("adds further cards, up to as many as a node may have", () => {
    const all = services({ name: "n1", uuid });

    const found = Array.from(
      { length: 18 },
      (_, index) => knownHost(all, machine(index + 1, uuid))?.macs.length,
    );

    expect(found).toEqual([...Array.from({ length: 16 }, (_, index) => index + 1), undefined, undefined]);
  });

  it("believes a card that is a node's before the UUID of another", () => {
    const all = services({ name: "n1", uuid }, { name: "n2", macs: [mac(2)] });

    expect(knownHost(all, machine(2, uuid))?.name).toBe("n2");
    expect(all.hosts.byUuid(uuid)?.macs).toEqual([]);
  });

  it("does not know a UUID that is nobody's", () => {
    const all = services({ name: "n1", uuid });

    expect(knownHost(all, machine(1, "564d1234-0000-4000-8000-000000000000"))).toBeUndefined();
  });
});
