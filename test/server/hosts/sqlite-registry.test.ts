import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { createSqliteRegistry } from "../../../server/hosts/sqlite-registry.ts";
import { type Database, openDatabase } from "../../../server/state/database.ts";
import { hostRegistryContract } from "../../contracts/host-registry.ts";

const opened: { readonly folder: string; database: Database }[] = [];

afterEach(() => {
  for (const { folder, database } of opened.splice(0)) {
    database.close();
    rmSync(folder, { recursive: true });
  }
});

hostRegistryContract(() => {
  const folder = mkdtempSync(join(tmpdir(), "ingot-registry-"));
  const entry = { folder, database: openDatabase(join(folder, "ingot.db")) };
  opened.push(entry);
  return {
    open: () => createSqliteRegistry(entry.database),
    reopen: () => {
      entry.database.close();
      entry.database = openDatabase(join(folder, "ingot.db"));
      return createSqliteRegistry(entry.database);
    },
  };
});
