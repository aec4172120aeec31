import { type ImageName, type Manifest, manifestSchema } from "../../images/manifest.ts";
import type { ImageStore } from "../../images/store/store.ts";
import type { VersionRecords } from "../services.ts";
import type { Database } from "./database.ts";

/** Versions in the state database: a mirror of the store's manifests that also remembers those that were removed. */
export function createVersionRecords(database: Database): VersionRecords {
  return {
    record: (manifest) => {
      database.run(
        "INSERT OR REPLACE INTO versions (image, number, manifest) VALUES (?, ?, ?)",
        manifest.image,
        manifest.number,
        JSON.stringify(manifest),
      );
    },
    find: (image, number) => {
      const row = database.get("SELECT manifest FROM versions WHERE image = ? AND number = ?", image, number);
      const manifest = row === undefined ? undefined : (JSON.parse(String(row.manifest)) as Manifest);
      return manifest?.schema === manifestSchema ? manifest : undefined;
    },
  };
}

/** Records versions that were made without this database: by another state folder's daemon, or before a commit was recorded. */
export async function recordStoredVersions(store: ImageStore, records: VersionRecords): Promise<void> {
  for (const { image } of await store.list()) {
    for (const manifest of await store.history(image satisfies ImageName)) {
      records.record(manifest);
    }
  }
}
