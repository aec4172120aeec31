import { AppError } from "../../base/errors.ts";
import type { MacAddress } from "../../base/net-types.ts";
import type { Database } from "../state/database.ts";
import type { StrangerRegistry } from "./registry.ts";
import type { Stranger } from "./stranger.ts";

/** Anybody can make up MAC addresses: what is kept of them has an end. */
const strangerLimit = 4096;

/** In the state database, all held in memory too: DHCP reads no disk. */
export function createSqliteStrangers(database: Database): StrangerRegistry {
  const known = new Map<MacAddress, Stranger>();
  for (const row of database.all("SELECT record FROM strangers ORDER BY mac")) {
    const stranger = JSON.parse(String(row.record)) as Stranger; // this file wrote it
    known.set(stranger.mac, stranger);
  }

  function forget(mac: MacAddress): void {
    database.run("DELETE FROM strangers WHERE mac = ?", mac);
    known.delete(mac);
  }

  return {
    list: () => [...known.values()].sort((a, b) => a.firstSeen - b.firstSeen || (a.mac < b.mac ? -1 : 1)),
    get: (mac) => known.get(mac),
    save: (stranger) => {
      if (!known.has(stranger.mac) && known.size >= strangerLimit) {
        forget(leastWorth([...known.values()]).mac);
      }
      database.run(
        "INSERT INTO strangers (mac, record) VALUES (?, ?) ON CONFLICT (mac) DO UPDATE SET record = excluded.record",
        stranger.mac,
        JSON.stringify(stranger),
      );
      known.set(stranger.mac, stranger);
    },
    setToken: (mac, hash) => {
      database.run("UPDATE strangers SET token = ? WHERE mac = ?", hash, mac);
    },
    byToken: (hash) => {
      const row = database.get("SELECT mac FROM strangers WHERE token = ?", hash);
      return row === undefined ? undefined : known.get(String(row.mac) as MacAddress);
    },
    remove: (mac) => {
      if (!known.has(mac)) {
        throw new AppError("not-found", `No machine ${mac} was discovered`, {
          hint: "ingot node discover lists those that were",
        });
      }
      forget(mac);
    },
  };
}

function leastWorth(strangers: readonly Stranger[]): Stranger {
  return strangers.reduce((least, one) => {
    const order = Number(least.ignored) - Number(one.ignored) || least.lastSeen - one.lastSeen;
    return order > 0 ? one : least;
  });
}
