/** The state database: the only user of better-sqlite3. WAL with full syncs: what a call has written survives a power cut. */
import BetterSqlite from "better-sqlite3";
import { AppError, toAppError } from "../../base/errors.ts";
import { migrations } from "./migrations.ts";

export type SqlValue = string | number | bigint | Uint8Array | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export interface Database {
  all(sql: string, ...values: readonly SqlValue[]): readonly SqlRow[];
  get(sql: string, ...values: readonly SqlValue[]): SqlRow | undefined;
  /** Returns the row id of an insert and the number of changed rows. */
  run(sql: string, ...values: readonly SqlValue[]): { readonly id: number; readonly changes: number };
  /** All of `work` or, where it throws, nothing. */
  transaction<T>(work: () => T): T;
  close(): void;
}

export function openDatabase(path: string): Database {
  try {
    return wrap(openAndMigrate(path));
  } catch (error) {
    throw translate(error, path);
  }
}

/**
 * Holds the state folder for one daemon: an exclusive lock on a small file, which the kernel drops when the process ends in
 * whatever way.
 */
export function lockState(path: string): { release(): void } {
  const database = new BetterSqlite(path, { timeout: 0 });
  try {
    database.pragma("journal_mode = DELETE");
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (isSqlite(error) && error.code.startsWith("SQLITE_BUSY")) {
      throw new AppError("conflict", `State folder is in use by another Ingot daemon: ${path} is locked`, {
        hint: "stop the other daemon, or name another folder with --state",
        cause: error,
      });
    }
    throw translate(error, path);
  }
  return { release: () => database.close() };
}

function openAndMigrate(path: string): BetterSqlite.Database {
  const database = new BetterSqlite(path, { timeout: 5000 });
  try {
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    const version = Number(database.pragma("user_version", { simple: true }));
    if (version > migrations.length) {
      throw new AppError("refused", `Database ${path} was written by a newer Ingot (schema ${version})`, {
        hint: "run that version or a later one",
      });
    }
    for (const [index, sql] of migrations.entries()) {
      if (index >= version) {
        database.transaction(() => {
          database.exec(sql);
          database.pragma(`user_version = ${index + 1}`);
        })();
      }
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function wrap(database: BetterSqlite.Database): Database {
  const statements = new Map<string, BetterSqlite.Statement<unknown[], SqlRow>>();
  function prepared(sql: string): BetterSqlite.Statement<unknown[], SqlRow> {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare<unknown[], SqlRow>(sql);
      statements.set(sql, statement);
    }
    return statement;
  }
  function guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof AppError ? error : translate(error, database.name);
    }
  }
  return {
    all: (sql, ...values) => guarded(() => prepared(sql).all(...values)),
    get: (sql, ...values) => guarded(() => prepared(sql).get(...values)),
    run: (sql, ...values) =>
      guarded(() => {
        const result = prepared(sql).run(...values);
        return { id: Number(result.lastInsertRowid), changes: result.changes };
      }),
    transaction: (work) => guarded(() => database.transaction(work).immediate()),
    close: () => {
      database.close();
    },
  };
}

function isSqlite(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

function translate(error: unknown, path: string): AppError {
  if (error instanceof AppError) {
    return error;
  }
  const code = isSqlite(error) ? error.code : "";
  const message = error instanceof Error ? error.message : String(error);
  const text = `Database ${path}: ${message}`;
  if (code === "SQLITE_FULL") {
    return new AppError("no-space", text, { cause: error });
  }
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") {
    return new AppError("corrupt", text, { cause: error });
  }
  if (code.startsWith("SQLITE_CONSTRAINT")) {
    return new AppError("conflict", text, { cause: error });
  }
  return code.startsWith("SQLITE_") ? new AppError("io", text, { cause: error }) : toAppError(error, "io");
}
