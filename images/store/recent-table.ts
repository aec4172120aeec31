/**
 * The version table that was read last. Nodes are brought to a version many at a time: they share one table, which stays as long as
 * somebody uses it, and beyond that as long as its memory is not wanted for something else.
 */
import type { Manifest } from "../manifest.ts";
import type { VersionTable } from "./version-table.ts";

export class RecentTable {
  #key = "";
  #reading: Promise<VersionTable> | undefined;
  #read: WeakRef<VersionTable> | undefined;

  /** The table of this version: the one that was read last or is being read, else a new one. */
  get(manifest: Manifest, read: () => Promise<VersionTable>): Promise<VersionTable> {
    const key = [manifest.image, manifest.number, manifest.created, ...manifest.packs].join(" ");
    const known = key === this.#key ? (this.#reading ?? this.#read?.deref()) : undefined;
    if (known !== undefined) {
      return Promise.resolve(known);
    }
    const reading = read();
    this.#key = key;
    this.#reading = reading;
    this.#read = undefined;
    reading.then(
      (table) => this.#done(reading, new WeakRef(table)),
      () => this.#done(reading, undefined),
    );
    return reading;
  }

  #done(reading: Promise<VersionTable>, table: WeakRef<VersionTable> | undefined): void {
    if (this.#reading === reading) {
      this.#reading = undefined;
      this.#read = table;
    }
  }
}
