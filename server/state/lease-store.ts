import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import type { Lease, LeaseStore } from "../../netboot/dhcp/leases.ts";
import type { Database } from "./database.ts";

/** DHCP leases in the state database. */
export function createLeaseStore(database: Database): LeaseStore {
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
    put: (lease) => {
      database.run(
        "INSERT OR REPLACE INTO leases (address, mac, hostname, expires_at, state) VALUES (?, ?, ?, ?, ?)",
        lease.address,
        lease.mac,
        lease.hostname,
        lease.expiresAt,
        lease.state,
      );
    },
    remove: (address) => {
      database.run("DELETE FROM leases WHERE address = ?", address);
    },
  };
}
