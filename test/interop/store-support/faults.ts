/** A store with versions, and operations on it in processes of their own that are killed: for tests of what faults leave. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import type { ImageName } from "../../../images/manifest.ts";
import { DirectoryStore } from "../../../images/store/directory-store.ts";
import { programOf } from "../../programs.ts";
import { imageName } from "./image-name.ts";

export const clock = {
  now: () => Date.now(),
  sleep: (time: number) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, time);
    }),
};
const web = imageName("web");

export function sh(script: string, cwd = "/"): string {
  return execFileSync("bash", ["-euc", script], { cwd, encoding: "latin1" });
}

export interface Place {
  readonly state: string;
  readonly tree: string;
  readonly store: DirectoryStore;
}

/** A store whose image `web` has two versions and a tree that is in neither. */
export async function withVersions(state: string): Promise<Place> {
  const tree = `${state}/images/web`;
  mkdirSync(tree, { recursive: true });
  const store = new DirectoryStore({ state, clock });
  fill(tree, 1);
  await store.commit(web, { message: "first" });
  fill(tree, 2);
  await store.commit(web, { message: "second" });
  return { state, tree, store };
}

export function fill(tree: string, seed: number): void {
  sh(
    `for i in $(seq 1 12); do head -c 1500000 /dev/urandom > big$i; done
     mkdir -p d${seed}; for i in $(seq 1 400); do echo ${seed} $i > d${seed}/f$i; ln -f d${seed}/f$i d${seed}/l$i; done
     rm -rf d${seed - 1}; printf ${seed} > seed`,
    tree,
  );
}

interface Run {
  readonly code: number | null;
  readonly milliseconds: number;
}

/** Runs one operation in a process of its own; kills it some time after it began, where `killAfter` says so. */
export function run(words: readonly string[], killAfter?: number): Promise<Run> {
  const [node, program] = programOf(new URL("./store-once.ts", import.meta.url));
  const child = spawn(node, [program, ...words], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return new Promise((resolve) => {
    let start = 0;
    let timer: NodeJS.Timeout | undefined;
    child.stdout?.once("data", () => {
      start = performance.now();
      timer = killAfter === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfter);
    });
    child.once("exit", (code) => {
      clearTimeout(timer);
      resolve({ code, milliseconds: performance.now() - start });
    });
  });
}

/** Points in time over the whole of an operation: one in each part of it, at random. */
export function moments(milliseconds: number, usual = 6): readonly number[] {
  const rounds = Number(process.env.INGOT_KILL_ROUNDS ?? usual);
  return Array.from({ length: rounds }, (_, part) => ((part + Math.random()) / rounds) * milliseconds);
}

export async function damageOf(store: DirectoryStore, image: ImageName = web): Promise<readonly unknown[]> {
  return (await store.verify({ image })).damage;
}

/** Everything in the state folder that belongs to no image. */
export async function debris({ state, store }: Place): Promise<readonly string[]> {
  const named = new Set<string>();
  for (const { image } of await store.list()) {
    for (const { packs } of await store.history(image)) {
      for (const pack of packs) {
        named.add(`${pack}.tar.zst`);
      }
    }
  }
  return [
    ...readdirSync(`${state}/tmp`),
    ...readdirSync(`${state}/locks`),
    ...readdirSync(`${state}/packs`).filter((name) => !named.has(name)),
    ...readdirSync(`${state}/images`).filter((name) => name.startsWith(".") && name !== ".capture"),
  ];
}

/** Any small change of the store: it clears what the dead have left. */
export async function nextRun(store: DirectoryStore): Promise<void> {
  await store.tag({ image: web }, "next");
  await store.prune(web, { keep: 1000, inUse: () => undefined });
}
