import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Ipv4Address, MacAddress } from "../../../base/net-types.ts";
import type { Lease } from "../../../netboot/dhcp/lease.ts";
import { type Database, openDatabase } from "../../../server/state/database.ts";
import { createLeaseStore } from "../../../server/state/lease-store.ts";

let folder: string;
let database: Database;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-leases-"));
  database = openDatabase(join(folder, "ingot.db"));
});

afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

function lease(last: number, change: Partial<Lease> = {}): Lease {
  const who = { address: `10.77.0.${last}` as Ipv4Address, mac: "52:54:00:00:00:01" as MacAddress };
  return { ...who, hostname: "n1", expiresAt: 1000 + last, state: "bound", ...change };
}

/** What another program reads from the file. */
function stored(): readonly Lease[] {
  const other = openDatabase(join(folder, "ingot.db"));
  try {
    return [...(createLeaseStore(other).load() as readonly Lease[])];
  } finally {
    other.close();
  }
}

describe("createLeaseStore()", () => {
  it("writes what comes in together in one transaction, and each is there when its put is done", async () => {
    let transactions = 0;
    const store = createLeaseStore({
      ...database,
      transaction: (work) => {
        transactions += 1;
        return database.transaction(work);
      },
    });

    const seen = await Promise.all(
      Array.from({ length: 100 }, async (_, last) => {
        await store.put(lease(last));
        return stored().some(({ address }) => address === lease(last).address);
      }),
    );

    expect(seen.every((there) => there)).toBe(true);
    expect(transactions).toBe(1);
  });

  it("keeps the last of two leases of an address", async () => {
    const store = createLeaseStore(database);

    await Promise.all([store.put(lease(1)), store.put(lease(1, { state: "declined", expiresAt: 5 }))]);

    expect(stored()).toEqual([lease(1, { state: "declined", expiresAt: 5 })]);
  });

  it("tells everybody who waits that nothing was written, and goes on when it can", async () => {
    let broken = true;
    const store = createLeaseStore({
      ...database,
      transaction: (work) => {
        if (broken) {
          throw new Error("the disk is full");
        }
        return database.transaction(work);
      },
    });

    const results = await Promise.allSettled([store.put(lease(1)), store.put(lease(2))]);
    broken = false;
    await store.put(lease(3));

    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(stored().map(({ address }) => address)).toEqual(["10.77.0.3"]);
  });
});
