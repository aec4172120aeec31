/** Which kernel modules go into a ramdisk: those the patterns choose, and all that these need. Names use `_` where files use `-`. */
import { matchesPath } from "./path-pattern.ts";

/** A kernel module: its path below `kernel/`, and its `.modinfo`. */
export interface KernelModule {
  readonly path: string;
  readonly info: readonly (readonly [key: string, value: string])[];
}

export interface ModuleClosure {
  /** Paths below `kernel/`, sorted. */
  readonly paths: readonly string[];
  /** Patterns that chose nothing: the kernel has the driver built in, or does not have it. */
  readonly unmatched: readonly string[];
  /** Modules that are needed and are nowhere. */
  readonly missing: readonly string[];
}

/** The name the kernel knows a module file by: `kernel/drivers/ata/ata-piix.ko.xz` is `ata_piix`. */
export function moduleName(path: string): string {
  return path
    .slice(path.lastIndexOf("/") + 1)
    .replace(/\.ko(\.(xz|zst|gz))?$/, "")
    .replaceAll("-", "_");
}

/** Names of the modules that must be loaded before this one (`depends`), and those that should be (`softdep`). */
export function moduleNeeds(info: KernelModule["info"]): {
  readonly hard: readonly string[];
  readonly soft: readonly string[];
} {
  const hard: string[] = [];
  const soft: string[] = [];
  for (const [key, value] of info) {
    if (key === "depends") {
      hard.push(...value.split(",").filter((name) => name !== ""));
    } else if (key === "softdep") {
      soft.push(...value.split(/\s+/).filter((word) => word !== "" && !word.endsWith(":")));
    }
  }
  return { hard: hard.map(moduleName), soft: soft.map(moduleName) };
}

/** Chooses by patterns on paths without their suffix (`drivers/nvme/host/*`), then adds dependencies until nothing is wanting. */
export function closeModules(modules: readonly KernelModule[], patterns: readonly string[]): ModuleClosure {
  const byName = new Map(modules.map((module) => [moduleName(module.path), module]));
  const chosen = new Map<string, KernelModule>();
  const missing = new Set<string>();
  const unmatched = patterns.filter((pattern) => {
    const found = modules.filter((module) => matchesPath(module.path.replace(/\.ko(\.\w+)?$/, ""), pattern));
    for (const module of found) {
      chosen.set(moduleName(module.path), module);
    }
    return found.length === 0;
  });
  // A Map visits what is added to it while it is being walked: the walk ends when nothing new is needed.
  for (const module of chosen.values()) {
    const needs = moduleNeeds(module.info);
    for (const name of [...needs.hard, ...needs.soft]) {
      const needed = byName.get(name);
      if (needed !== undefined) {
        chosen.set(name, needed);
      } else if (needs.hard.includes(name)) {
        missing.add(name);
      }
    }
  }
  const paths = Array.from(chosen.values(), (module) => module.path).sort(byText);
  return { paths, unmatched, missing: [...missing].sort(byText) };
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
