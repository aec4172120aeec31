import type { HostName } from "../hosts/host.ts";
import type { Database, SqlRow } from "../state/database.ts";
import type { Rescue, RescueRegistry } from "./rescue.ts";

export function createSqliteRescues(database: Database): RescueRegistry {
  function get(node: HostName): Rescue | undefined {
    return fromRow(database.get("SELECT record FROM rescues WHERE node = ?", node));
  }
  return {
    get,
    save: (rescue) => {
      const isNew = get(rescue.node)?.armedAt !== rescue.armedAt;
      database.transaction(() => {
        database.run(
          "INSERT INTO rescues (node, record) VALUES (?, ?) ON CONFLICT (node) DO UPDATE SET record = excluded.record",
          rescue.node,
          JSON.stringify(rescue),
        );
        if (isNew) {
          database.run("UPDATE rescues SET token = NULL WHERE node = ?", rescue.node);
        }
      });
    },
    setToken: (node, hash) => {
      database.run("UPDATE rescues SET token = ? WHERE node = ?", hash, node);
    },
    byToken: (hash) => fromRow(database.get("SELECT record FROM rescues WHERE token = ?", hash)),
    remove: (node) => {
      database.run("DELETE FROM rescues WHERE node = ?", node);
    },
  };
}

/** Records were written by this file. */
function fromRow(row: SqlRow | undefined): Rescue | undefined {
  return row === undefined ? undefined : (JSON.parse(String(row.record)) as Rescue);
}
