import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import type { Lease, LeaseStore } from "../../netboot/dhcp/lease.ts";
import type { Database } from "./database.ts";

/**
 * DHCP leases in the state database. What comes in while others wait for the disk is written with them: one transaction, and one sync,
 * for all machines that were answered in one turn of the event loop.
 */
export function createLeaseStore(database: Database): LeaseStore {
  let waiting: Waiting[] = [];

  function writeWaiting(): void {
    const batch = waiting;
    waiting = [];
    try {
      database.transaction(() => {
        for (const { lease } of batch) {
          write(database, lease);
        }
      });
    } catch (error) {
      for (const { reject } of batch) {
        reject(error);
      }
      return;
    }
    for (const { resolve } of batch) {
      resolve();
    }
  }

  return {
    load: () =>
      database.all("SELECT * FROM leases").map(
        (row): Lease => ({
          address: String(row.address) as Ipv4Address,
          mac: String(row.mac) as MacAddress,
          hostname: String(row.hostname),
          expiresAt: Number(row.expires_at),
          state: row.state === "declined" ? "declined" : "bound",
        }),
      ),
    put: (lease) =>
      new Promise((resolve, reject) => {
        waiting.push({ lease, resolve, reject });
        if (waiting.length === 1) {
          setImmediate(writeWaiting);
        }
      }),
  };
}

interface Waiting {
  readonly lease: Lease;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function write(database: Database, lease: Lease): void {
  database.run(
    "INSERT OR REPLACE INTO leases (address, mac, hostname, expires_at, state) VALUES (?, ?, ?, ?, ?)",
    lease.address,
    lease.mac,
    lease.hostname,
    lease.expiresAt,
    lease.state,
  );
}
