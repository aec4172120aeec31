/** Where the store keeps what, under the state folder. */
import type { ImageName } from "../manifest.ts";

export interface StorePaths {
  readonly images: string;
  readonly packs: string;
  readonly versions: string;
  readonly locks: string;
  /** For files that are not yet published; on the same filesystem as packs and versions. */
  readonly temporary: string;
  /** Room that is given up when there is no other. */
  readonly reserve: string;
}

export function storePaths(state: string, images = `${state}/images`): StorePaths {
  return {
    images,
    packs: `${state}/packs`,
    versions: `${state}/versions`,
    locks: `${state}/locks`,
    temporary: `${state}/tmp`,
    reserve: `${state}/reserve`,
  };
}

export function treePathOf(paths: StorePaths, image: ImageName): string {
  return `${paths.images}/${image}`;
}

export function versionsPathOf(paths: StorePaths, image: ImageName): string {
  return `${paths.versions}/${image}`;
}

export function manifestPathOf(paths: StorePaths, version: { image: ImageName; number: number }): string {
  return `${versionsPathOf(paths, version.image)}/${manifestName(version.number)}`;
}

export function manifestName(number: number): string {
  return `${number}.manifest.zst`;
}

/** The names that people gave to versions. */
export function tagsPathOf(paths: StorePaths, image: ImageName): string {
  return `${versionsPathOf(paths, image)}/${tagsName}`;
}

export const tagsName = "tags.json";
export const treeIndexName = "tree-index";

/** What was seen of the tree at the last commit: a cache, not part of a version. */
export function treeIndexPathOf(paths: StorePaths, image: ImageName): string {
  return `${versionsPathOf(paths, image)}/${treeIndexName}`;
}

/** The version number of a manifest's file name. */
export function manifestNumber(fileName: string): number | undefined {
  const match = /^([1-9]\d{0,8})\.manifest\.zst$/.exec(fileName);
  return match === null ? undefined : Number(match[1]);
}

export function packPathOf(paths: StorePaths, pack: string): string {
  return `${paths.packs}/${pack}.tar.zst`;
}

/** The digest in a pack's file name. */
export function packOfFileName(fileName: string): string | undefined {
  return /^([0-9a-f]{64})\.tar\.zst$/.exec(fileName)?.[1];
}
