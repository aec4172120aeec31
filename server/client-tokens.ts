import type { Clock, Random } from "../base/ports.ts";
import type { Tokens } from "./services.ts";
import type { Database } from "./state/database.ts";
import { hashToken, newToken } from "./state/tokens.ts";

export interface TokenStore extends Tokens {
  isClientHash(hash: string): boolean;
}

/** Makes tokens; those of client commands are kept, as hashes, until their image content is to be closed to them. */
export function createTokens(parts: {
  readonly database: Database;
  readonly random: Random;
  readonly clock: Clock;
}): TokenStore {
  const { database, random, clock } = parts;
  return {
    create: () => newToken(random),
    hash: hashToken,
    createClientToken: () => {
      const token = newToken(random);
      database.run(
        "INSERT INTO client_tokens (hash, created_at) VALUES (?, ?)",
        hashToken(token),
        clock.now(),
      );
      return token;
    },
    isClientToken: (token) => isClientHash(hashToken(token)),
    isClientHash,
  };
  function isClientHash(hash: string): boolean {
    return database.get("SELECT 1 FROM client_tokens WHERE hash = ?", hash) !== undefined;
  }
}
