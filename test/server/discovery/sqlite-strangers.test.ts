import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { MacAddress } from "../../../base/net-types.ts";
import { createSqliteStrangers } from "../../../server/discovery/sqlite-strangers.ts";
import { type Database, openDatabase } from "../../../server/state/database.ts";

let folder: string;
let database: Database;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-strangers-"));
  database = openDatabase(join(folder, "ingot.db"));
});

afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

function stranger(number: number, lastSeen = number) {
  const mac = `52:54:00:00:${(number >> 8).toString(16).padStart(2, "0")}:${(number & 255).toString(16).padStart(2, "0")}`;
  return { mac: mac as MacAddress, interface: "eth1", firstSeen: number, lastSeen, ignored: false };
}

describe("createSqliteStrangers()", () => {
  it("keeps machines and their tokens over a restart; a new token voids the one before", () => {
    const first = createSqliteStrangers(database);
    const one = stranger(1);
    first.save(one);
    first.setToken(one.mac, "old");
    first.setToken(one.mac, "new");
    first.save({ ...one, lastSeen: 9 });

    const again = createSqliteStrangers(database);

    expect(again.list()).toEqual([{ ...one, lastSeen: 9 }]);
    expect(again.byToken("new")?.mac).toBe(one.mac);
    expect(again.byToken("old")).toBeUndefined();
  });

  it("forgets the one that was not heard of for longest, and one that is ignored last of all", () => {
    const strangers = createSqliteStrangers(database);
    strangers.save({ ...stranger(0), ignored: true });
    database.transaction(() => {
      for (let number = 1; number < 4096; number++) {
        strangers.save(stranger(number, 10_000 - number));
      }
    });

    strangers.save(stranger(5000));

    expect(strangers.list()).toHaveLength(4096);
    expect(strangers.get(stranger(4095).mac)).toBeUndefined();
    expect(strangers.get(stranger(0).mac)?.ignored).toBe(true);
  });

  it("says that what was never seen cannot be forgotten", () => {
    expect(() => createSqliteStrangers(database).remove(stranger(1).mac)).toThrow(/was discovered/);
  });
});
