/** What the daemon says of itself, and how it says that something failed. */
import { z } from "zod";

/** RFC 9457. `code` is one of base/errors.ts's codes. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  hint: z.string().optional(),
  at: z
    .object({ file: z.string().optional(), line: z.int().optional(), column: z.int().optional() })
    .optional(),
  fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});
export type Problem = z.infer<typeof Problem>;

export const Status = z.object({
  version: z.string(),
  state: z.string(),
  startedAt: z.number(),
  /** `sha256//BASE64` of the server certificate's public key, as curl's --pinnedpubkey takes it. */
  pin: z.string(),
  listeners: z.array(
    z.object({
      service: z.enum(["socket", "api", "node", "boot", "tftp", "dhcp"]),
      address: z.string(),
      interface: z.string().optional(),
    }),
  ),
  /** What is off or missing and why: `DHCP is off: no interface is named in netboot.interfaces`. */
  notes: z.array(z.string()),
});
export type Status = z.infer<typeof Status>;

export const ClientLine = z.object({
  /** `curl -fsSk --pinnedpubkey sha256//… https://SERVER:PORT/client | sh`. */
  line: z.string(),
  url: z.string(),
  pin: z.string(),
});
export type ClientLine = z.infer<typeof ClientLine>;

export const HostKeyList = z.object({
  keys: z.array(
    z.object({ host: z.string(), port: z.int(), type: z.string(), fingerprint: z.string(), at: z.number() }),
  ),
});
export type HostKeyList = z.infer<typeof HostKeyList>;
