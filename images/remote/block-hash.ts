/** What the programs of block-digests.ts say, made here. */
import { createHash } from "node:crypto";
import type { DigestProgram } from "./block-digests.ts";

/** What the program says of these bytes. */
export function digestOf(program: DigestProgram, bytes: Uint8Array): string {
  return createHash(program === "b2sum" ? "blake2b512" : "sha256")
    .update(bytes)
    .digest("hex");
}

/** One digest that stands for all of a file's: the SHA-256 of their lines, in order. */
export function proofOf(digests: readonly string[]): string {
  return createHash("sha256")
    .update(digests.map((digest) => `${digest}\n`).join(""))
    .digest("hex");
}
