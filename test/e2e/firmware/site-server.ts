/** A site's own DHCP or TFTP server beside a lab's daemon, which does neither for machines that have not asked for it yet. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../../lab/lab.ts";
import { inNamespace, labNetwork } from "../../lab/network.ts";
import { registerProcess } from "../../lab/registry.ts";
import { type Background, run, startBackground, waitFor } from "../../lab/run.ts";

/** The site's own server has an address of its own on the daemon's wire. */
export const siteAddress = "10.77.0.2";

export interface SiteServer {
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

/** Runs a server in its folder, on the lab's wire, until it says `ready`. */
export async function startSiteServer(
  lab: Lab,
  server: { readonly folder: string; readonly argv: readonly string[]; readonly ready: RegExp },
): Promise<SiteServer> {
  const { namespace } = lab.place;
  const add = ["ip", "-n", namespace, "addr", "replace", `${siteAddress}/${labNetwork.prefix}`];
  await run([...add, "dev", labNetwork.interface]);
  const logFile = join(server.folder, "server.log");
  const process: Background = startBackground(
    [...inNamespace(namespace), "env", "-C", server.folder, ...server.argv],
    { logFile },
  );
  registerProcess(lab.place, process.pid);
  const log = (): string => readFileSync(logFile, "latin1");
  await waitFor(
    () => {
      if (!process.running()) {
        throw new Error(`${server.argv.join(" ")} ended:\n${log()}`);
      }
      return server.ready.test(log()) ? true : undefined;
    },
    { what: server.argv.join(" "), timeoutMs: 60_000, everyMs: 100, signal: lab.signal },
  );
  return { log, stop: () => process.stop() };
}
