import { createHash } from "node:crypto";
import type { Clock } from "../../base/ports.ts";
import { hostKeyType } from "../../images/remote/host-key.ts";
import type { PinnedKey, PinnedKeys } from "../services.ts";
import type { Database, SqlRow } from "./database.ts";

/** Pinned SSH host keys in the state database. */
export function createPinnedKeys(database: Database, clock: Clock): PinnedKeys {
  return {
    known: (host, port) =>
      database
        .all("SELECT key FROM host_keys WHERE host = ? AND port = ? ORDER BY pinned_at", host, port)
        .flatMap((row) => (row.key instanceof Uint8Array ? [new Uint8Array(row.key)] : [])),
    pin: (host, port, key) => {
      database.run(
        "INSERT OR IGNORE INTO host_keys (host, port, key, pinned_at) VALUES (?, ?, ?, ?)",
        host,
        port,
        key,
        clock.now(),
      );
    },
    list: () => database.all("SELECT * FROM host_keys ORDER BY host, port, pinned_at").map(fromRow),
    forget: (host) =>
      database.transaction(() => {
        const keys = database.all("SELECT * FROM host_keys WHERE host = ? ORDER BY port, pinned_at", host);
        database.run("DELETE FROM host_keys WHERE host = ?", host);
        return keys.map(fromRow);
      }),
  };
}

function fromRow(row: SqlRow): PinnedKey {
  const key = row.key instanceof Uint8Array ? row.key : new Uint8Array();
  const digest = createHash("sha256").update(key).digest("base64").replace(/=+$/, "");
  return {
    host: String(row.host),
    port: Number(row.port),
    type: hostKeyType(key) ?? "unknown",
    fingerprint: `SHA256:${digest}`,
    at: Number(row.pinned_at),
  };
}
