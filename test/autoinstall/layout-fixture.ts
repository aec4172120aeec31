import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type InstallInput, planInstall } from "../../autoinstall/install/plan.ts";
import { decodeLayout } from "../../autoinstall/layout/decode.ts";
import type { DiskLayout } from "../../autoinstall/layout/model.ts";
import { listCommand } from "../../images/sync/listing.ts";

const folder = path.join(import.meta.dirname, "..", "fixtures", "layouts");

export const fixtureNames = readdirSync(folder)
  .filter((name) => name.endsWith(".conf"))
  .map((name) => name.slice(0, -".conf".length));

export function fixtureText(name: string): string {
  return readFileSync(path.join(folder, `${name}.conf`), "utf8");
}

export function fixtureLayout(name: string): DiskLayout {
  const { layout } = decodeLayout(fixtureText(name));
  if (layout === undefined) {
    throw new Error(`${name}.conf is not XML`);
  }
  return layout;
}

/** A layout without what does not count: where it stood in a file. */
export function withoutPositions<T>(value: T): T {
  return JSON.parse(JSON.stringify(value, (key, inner: unknown) => (key === "at" ? undefined : inner))) as T;
}

export function planOf(layout: DiskLayout, changes: Partial<InstallInput> = {}) {
  return planInstall({
    layout,
    node: { hostname: "node01", domain: "example.org" },
    image: { name: "web", version: 3, treeBytes: 900_000_000, treeFiles: 32_000 },
    listCommand,
    ...changes,
  });
}
