import { createHash } from "node:crypto";
import { AppError } from "../../base/errors.ts";
import type { Random } from "../../base/ports.ts";
import { ensurePrivateFile } from "./private-file.ts";

/** 32 random bytes as base64url text. */
export function newToken(random: Random): string {
  return Buffer.from(random.bytes(32)).toString("base64url");
}

/** What is stored instead of a token: its SHA-256 in hex. Tokens have full entropy, so a plain hash cannot be guessed back. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token, "utf8").digest("hex");
}

/** The admin token of `STATE/admin.token`, made at the first start. */
export async function loadAdminToken(path: string, random: Random): Promise<string> {
  const content = await ensurePrivateFile(path, () => `${newToken(random)}\n`);
  const token = content.trim();
  if (!/^[A-Za-z0-9_-]{32,512}$/.test(token)) {
    throw new AppError(
      "bad-input",
      `Token file ${path} does not hold a token (32 or more of A-Z a-z 0-9 _ -)`,
      {
        hint: "remove the file: the next start makes a new one",
      },
    );
  }
  return token;
}
