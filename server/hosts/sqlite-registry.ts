import { AppError } from "../../base/errors.ts";
import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import type { ImageName } from "../../images/manifest.ts";
import type { LocalBootMethod } from "../../netboot/booter.ts";
import type { Database, SqlRow } from "../state/database.ts";
import type { GroupName, Host, HostName } from "./host.ts";
import type { HostRegistry } from "./registry.ts";

/** The registry in the state database, with all nodes also held in memory: boot and DHCP requests read no disk. */
export function createSqliteRegistry(database: Database): HostRegistry {
  let hosts = readAll(database);

  function commit(work: () => void): void {
    database.transaction(work);
    hosts = readAll(database);
  }

  function insert(host: Host): void {
    if (database.get("SELECT 1 FROM nodes WHERE name = ?", host.name) !== undefined) {
      throw new AppError("conflict", `Node ${host.name} exists already`);
    }
    const holder =
      host.ip === undefined ? undefined : database.get("SELECT name FROM nodes WHERE ip = ?", host.ip);
    if (holder !== undefined) {
      throw new AppError("conflict", `Address ${host.ip} belongs to node ${holder.name}`);
    }
    refuseUuidOfAnother(host);
    database.run(
      "INSERT INTO nodes (name, ip, uuid, image, version, kernel_arguments, local_boot, seen_at, seen_firmware, seen_address) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      host.name,
      ...columns(host),
    );
    insertParts(host);
  }

  function refuseUuidOfAnother({ name, uuid }: Host): void {
    const holder =
      uuid === undefined
        ? undefined
        : database.get("SELECT name FROM nodes WHERE uuid = ? AND name <> ?", uuid, name);
    if (holder !== undefined) {
      throw new AppError("conflict", `UUID ${uuid} belongs to node ${holder.name}`);
    }
  }

  function insertParts(host: Host): void {
    for (const [position, mac] of host.macs.entries()) {
      const owner = database.get("SELECT node FROM node_macs WHERE mac = ?", mac);
      if (owner !== undefined) {
        throw new AppError("conflict", `MAC ${mac} belongs to node ${owner.node}`);
      }
      database.run("INSERT INTO node_macs (mac, node, position) VALUES (?, ?, ?)", mac, host.name, position);
    }
    for (const group of host.groups) {
      database.run("INSERT INTO node_groups (node, name) VALUES (?, ?)", host.name, group);
    }
  }

  function update(host: Host): void {
    const holder =
      host.ip === undefined
        ? undefined
        : database.get("SELECT name FROM nodes WHERE ip = ? AND name <> ?", host.ip, host.name);
    if (holder !== undefined) {
      throw new AppError("conflict", `Address ${host.ip} belongs to node ${holder.name}`);
    }
    refuseUuidOfAnother(host);
    const changed = database.run(
      "UPDATE nodes SET ip = ?, uuid = ?, image = ?, version = ?, kernel_arguments = ?, local_boot = ?, seen_at = ?, seen_firmware = ?, seen_address = ? WHERE name = ?",
      ...columns(host),
      host.name,
    );
    if (changed.changes === 0) {
      throw unknownNode(host.name);
    }
    database.run("DELETE FROM node_macs WHERE node = ?", host.name);
    database.run("DELETE FROM node_groups WHERE node = ?", host.name);
    insertParts(host);
  }

  return {
    list: () => [...hosts.byName.values()],
    get: (name) => hosts.byName.get(name),
    byMac: (mac) => hosts.byMac.get(mac),
    byUuid: (uuid) => hosts.byUuid.get(uuid),
    byAddress: (address) => hosts.byAddress.get(address),
    add: (added) => {
      commit(() => {
        for (const host of added) {
          insert(host);
        }
      });
    },
    replace: (replaced) => {
      database.transaction(() => {
        for (const host of replaced) {
          update(host);
        }
      });
      // A machine that fetches its boot script is written down as seen: the other nodes are not read again for it.
      for (const { name } of replaced) {
        exchange(hosts, readOne(database, name));
      }
    },
    remove: (names) => {
      commit(() => {
        for (const name of names) {
          if (database.run("DELETE FROM nodes WHERE name = ?", name).changes === 0) {
            throw unknownNode(name);
          }
        }
      });
    },
  };
}

function unknownNode(name: HostName): AppError {
  return new AppError("not-found", `Node ${name} does not exist`, {
    hint: "ingot node list shows all nodes",
  });
}

function columns(host: Host): (string | number | null)[] {
  return [
    host.ip ?? null,
    host.uuid ?? null,
    host.image?.image ?? null,
    host.image?.number ?? null,
    host.kernelArguments ?? null,
    host.localBoot ?? null,
    host.seen?.at ?? null,
    host.seen?.firmware ?? null,
    host.seen?.address ?? null,
  ];
}

interface Indexed {
  readonly byName: Map<HostName, Host>;
  readonly byMac: Map<MacAddress, Host>;
  readonly byUuid: Map<string, Host>;
  readonly byAddress: Map<Ipv4Address, Host>;
}

function readAll(database: Database): Indexed {
  const macs = groupByNode(database.all("SELECT node, mac AS value FROM node_macs ORDER BY node, position"));
  const groups = groupByNode(database.all("SELECT node, name AS value FROM node_groups ORDER BY node, name"));
  const indexed: Indexed = { byName: new Map(), byMac: new Map(), byUuid: new Map(), byAddress: new Map() };
  for (const row of database.all("SELECT * FROM nodes ORDER BY name")) {
    enter(indexed, fromRow(row, { macs, groups }));
  }
  return indexed;
}

function readOne(database: Database, name: HostName): Host {
  const row = database.get("SELECT * FROM nodes WHERE name = ?", name);
  if (row === undefined) {
    throw unknownNode(name);
  }
  const macs = database.all(
    "SELECT node, mac AS value FROM node_macs WHERE node = ? ORDER BY position",
    name,
  );
  const groups = database.all(
    "SELECT node, name AS value FROM node_groups WHERE node = ? ORDER BY name",
    name,
  );
  return fromRow(row, { macs: groupByNode(macs), groups: groupByNode(groups) });
}

function enter({ byName, byMac, byUuid, byAddress }: Indexed, host: Host): void {
  byName.set(host.name, host);
  for (const mac of host.macs) {
    byMac.set(mac, host);
  }
  if (host.uuid !== undefined) {
    byUuid.set(host.uuid, host);
  }
  if (host.ip !== undefined) {
    byAddress.set(host.ip, host);
  }
}

/** Puts a node in its own place. What it had may be another's already, where several were replaced at once. */
function exchange(indexed: Indexed, host: Host): void {
  const { byName, byMac, byUuid, byAddress } = indexed;
  const before = byName.get(host.name);
  for (const mac of before?.macs ?? []) {
    if (byMac.get(mac)?.name === host.name) {
      byMac.delete(mac);
    }
  }
  if (before?.uuid !== undefined && byUuid.get(before.uuid)?.name === host.name) {
    byUuid.delete(before.uuid);
  }
  if (before?.ip !== undefined && byAddress.get(before.ip)?.name === host.name) {
    byAddress.delete(before.ip);
  }
  enter(indexed, host);
}

type ByNode = ReadonlyMap<string, readonly string[]>;

function groupByNode(rows: readonly SqlRow[]): ByNode {
  const grouped = new Map<string, string[]>();
  for (const row of rows) {
    const list = grouped.get(String(row.node)) ?? [];
    list.push(String(row.value));
    grouped.set(String(row.node), list);
  }
  return grouped;
}

/** Rows were checked when they were written. */
function fromRow(row: SqlRow, parts: { readonly macs: ByNode; readonly groups: ByNode }): Host {
  const name = String(row.name);
  return {
    name: name as HostName,
    macs: (parts.macs.get(name) ?? []) as readonly MacAddress[],
    groups: (parts.groups.get(name) ?? []) as readonly GroupName[],
    ...(typeof row.uuid === "string" ? { uuid: row.uuid } : {}),
    ...(typeof row.ip === "string" ? { ip: row.ip as Ipv4Address } : {}),
    ...(typeof row.image === "string" && typeof row.version === "number"
      ? { image: { image: row.image as ImageName, number: row.version } }
      : {}),
    ...(typeof row.kernel_arguments === "string" ? { kernelArguments: row.kernel_arguments } : {}),
    ...(typeof row.local_boot === "string" ? { localBoot: row.local_boot as LocalBootMethod } : {}),
    ...(typeof row.seen_at === "number"
      ? {
          seen: {
            at: row.seen_at,
            ...(typeof row.seen_firmware === "string" ? { firmware: row.seen_firmware } : {}),
            ...(typeof row.seen_address === "string" ? { address: row.seen_address } : {}),
          },
        }
      : {}),
  };
}
