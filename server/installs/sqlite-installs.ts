import { AppError } from "../../base/errors.ts";
import type { Clock } from "../../base/ports.ts";
import { duration } from "../../base/quantity.ts";
import type { Database, SqlRow } from "../state/database.ts";
import { type Install, type InstallChange, isInstallOver, reduceInstall } from "./install.ts";
import type { InstallRegistry } from "./registry.ts";

/** A machine's firmware may fetch its script more than once; each fetch makes a token. */
const tokensPerArming = 8;
/** What is kept of one install's log. */
const logLimit = 4 * 1024 * 1024;

export function createSqliteInstalls(database: Database, clock: Clock): InstallRegistry {
  const waiting = new Map<number, Set<() => void>>();

  function get(id: number): Install | undefined {
    const row = database.get("SELECT record FROM installs WHERE id = ?", id);
    return row === undefined ? undefined : fromRow(row);
  }

  function must(id: number): Install {
    const install = get(id);
    if (install === undefined) {
      throw new AppError("not-found", `Install ${id} does not exist: its node was removed`);
    }
    return install;
  }

  function save(install: Install): void {
    database.run(
      "UPDATE installs SET open = ?, record = ? WHERE id = ?",
      isInstallOver(install) ? 0 : 1,
      JSON.stringify(install),
      install.id,
    );
    // A machine whose install failed may still send its log, and one that is done may say so again.
    if (install.stage === "expired" || install.stage === "cancelled") {
      database.run("DELETE FROM install_tokens WHERE install = ?", install.id);
    }
  }

  function change(id: number, what: InstallChange): Install {
    const install = must(id);
    const next = reduceInstall(install, what, clock.now());
    if (next !== install) {
      database.transaction(() => save(next));
      for (const wake of waiting.get(id) ?? []) {
        wake();
      }
    }
    return next;
  }

  return {
    get,
    change,
    arm: (spec) =>
      database.transaction(() => {
        const open = database.get("SELECT record FROM installs WHERE node = ? AND open = 1", spec.node);
        if (open !== undefined) {
          const stage = fromRow(open).stage;
          throw new AppError("conflict", `Node ${spec.node} is ${stage} already`, {
            hint: `ingot localboot ${spec.node} disarms it`,
          });
        }
        database.run(
          "DELETE FROM install_tokens WHERE install IN (SELECT id FROM installs WHERE node = ?)",
          spec.node,
        );
        const { id } = database.run(
          "INSERT INTO installs (node, open, job, record) VALUES (?, 1, ?, '')",
          spec.node,
          spec.job ?? null,
        );
        const install: Install = { ...spec, id, stage: "armed", armedAt: clock.now() };
        save(install);
        return install;
      }),
    latest: (node) => {
      const row = database.get("SELECT record FROM installs WHERE node = ? ORDER BY id DESC LIMIT 1", node);
      return row === undefined ? undefined : fromRow(row);
    },
    addToken: (id, hash) => {
      database.transaction(() => {
        database.run("INSERT INTO install_tokens (hash, install) VALUES (?, ?)", hash, id);
        database.run(
          "DELETE FROM install_tokens WHERE install = ? AND rowid NOT IN (SELECT rowid FROM install_tokens WHERE install = ? ORDER BY rowid DESC LIMIT ?)",
          id,
          id,
          tokensPerArming,
        );
      });
    },
    byToken: (hash) => {
      const row = database.get(
        "SELECT record FROM installs WHERE id = (SELECT install FROM install_tokens WHERE hash = ?)",
        hash,
      );
      return row === undefined ? undefined : fromRow(row);
    },
    claim: (id, hash) => {
      database.transaction(() => {
        if (must(id).stage !== "armed") {
          throw new AppError("conflict", "The install token was used already", {
            hint: "deploy the node again for another install",
          });
        }
        database.run("DELETE FROM install_tokens WHERE install = ? AND hash <> ?", id, hash);
      });
      return change(id, { kind: "claimed" });
    },
    appendLog: (id, text) => {
      database.transaction(() => {
        const used = database.get("SELECT sum(length(text)) AS size FROM install_logs WHERE install = ?", id);
        if (Number(used?.size ?? 0) + text.length <= logLimit) {
          database.run(
            "INSERT INTO install_logs (install, at, text) VALUES (?, ?, ?)",
            id,
            clock.now(),
            text,
          );
        }
      });
    },
    log: (id) =>
      database
        .all("SELECT text FROM install_logs WHERE install = ? ORDER BY id", id)
        .map((row) => String(row.text))
        .join(""),
    changed: async (known, { signal, atMost }) => {
      const current = get(known.id);
      if (current === undefined || JSON.stringify(current) !== JSON.stringify(known)) {
        return current ?? must(known.id);
      }
      const timer = new AbortController();
      const either = AbortSignal.any([signal, timer.signal]);
      await new Promise<void>((resolve) => {
        function wake(): void {
          waiting.get(known.id)?.delete(wake);
          timer.abort();
          resolve();
        }
        const set = waiting.get(known.id) ?? new Set();
        set.add(wake);
        waiting.set(known.id, set);
        clock.sleep(duration(atMost), either).then(wake, wake);
      });
      return must(known.id);
    },
  };
}

/** Records were written by this file. */
function fromRow(row: SqlRow): Install {
  return JSON.parse(String(row.record)) as Install;
}
