/** Asks a machine what it is. */
import { toLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { type ShellText, sh } from "../../base/posix-quote.ts";
import type { RemoteSession } from "../remote/session.ts";
import { shellAsset } from "../shell-asset.ts";
import type { GoldenFacts } from "./facts.ts";
import { parseProbe } from "./golden-facts.ts";

/** The shell program whose output {@link parseProbe} reads. */
export function probeCommand(): ShellText {
  return sh`${{ raw: shellAsset("images/capture/client/probe.sh") }}\ningot_probe\n`;
}

/** Reads everything the layout builder and a capture must know of a machine, in one round trip. */
export async function probe(
  session: RemoteSession,
  options: { readonly signal?: AbortSignal } = {},
): Promise<GoldenFacts> {
  const result = await session.run(probeCommand(), { ...options, limit: 16 * 1024 * 1024 });
  const facts = parseProbe(toLatin1(result.stdout));
  if (!facts.ok) {
    throw new AppError("remote-failed", `Cannot inspect ${session.host}: ${facts.error}`, {
      hint:
        result.stderr.trim() === "" ? "Is its login shell a POSIX shell?" : result.stderr.trim().slice(-500),
    });
  }
  return facts.value;
}
