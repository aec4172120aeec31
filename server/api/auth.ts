/** Who may ask what. Tokens are compared by their hashes, so that neither the store nor the time taken gives one away. */
import { err, ok, type Result } from "../../base/result.ts";

/**
 * - `public`: everyone, no secrets behind it
 * - `admin`: the local socket, or the admin token
 * - `client`: reads image content: admin, or a client token
 * - `install`: the route itself checks the one-time install token
 */
export type Access = "public" | "admin" | "client" | "install";

export interface Peer {
  /** The remote address; absent on the local socket. */
  readonly address?: string;
  /** True on the local socket, which only its owner can open. */
  readonly local: boolean;
}

export interface Credentials {
  readonly hash: (token: string) => string;
  readonly adminHash: string;
  readonly isClientHash: (hash: string) => boolean;
}

/** The bearer token of a request, RFC 6750 section 2.1. */
export function bearerToken(header: string | null): string | undefined {
  return /^Bearer +([A-Za-z0-9._~+/=-]{1,512})$/i.exec(header ?? "")?.[1];
}

export function authorize(
  request: { readonly access: Access; readonly authorization: string | null; readonly peer: Peer },
  credentials: Credentials,
): Result<void, string> {
  if (request.access === "public" || request.access === "install" || request.peer.local) {
    return ok(undefined);
  }
  const token = bearerToken(request.authorization);
  if (token === undefined) {
    return err("A bearer token is needed");
  }
  const hash = credentials.hash(token);
  const admin = equalInConstantTime(hash, credentials.adminHash);
  const client = request.access === "client" && credentials.isClientHash(hash);
  return admin || client ? ok(undefined) : err("The bearer token is not valid for this");
}

/** Compares two texts of the same length without telling by its time where they differ. */
export function equalInConstantTime(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index++) {
    difference |= a.charCodeAt(index) ^ (b.charCodeAt(index) || 0);
  }
  return difference === 0;
}
