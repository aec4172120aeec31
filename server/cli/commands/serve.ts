import { startApp } from "../../app.ts";
import { loadConfig } from "../../config/load.ts";
import { collectOften } from "../../heap.ts";
import { createLineLog, systemClock, systemRandom } from "../../system.ts";
import type { Command } from "../command.ts";

export const serveCommand: Command = {
  name: "serve",
  summary: "Run the daemon: API, console, TFTP, DHCP and jobs, until SIGTERM or Ctrl-C",
  synopsis: "[--config FILE] [--state DIR]",
  positionals: { min: 0, max: 0 },
  options: {
    config: {
      type: "string",
      short: "c",
      value: "FILE",
      help: "configuration (default /etc/ingot/ingot.yaml, which may be missing)",
    },
  },
  description:
    "Without configuration the API is on loopback only, and DHCP and TFTP are off until an interface is named: a DHCP server that " +
    "starts by itself on someone's network is an outage. An error in the file is told with its line, and nothing is started.",
  examples: ["ingot serve", "ingot serve --state /srv/ingot --config ./ingot.yaml"],
  async run(context) {
    const { env, args } = context;
    collectOften();
    const file = args.text("config");
    const state = args.text("state") ?? env.variables.INGOT_STATE;
    const config = await loadConfig({
      ...(file === undefined ? {} : { file }),
      ...(state === undefined ? {} : { state }),
    });
    const log = createLineLog({
      clock: systemClock,
      level: config.log.level,
      write: (line) => env.stderr.write(line),
    });
    const app = await startApp(config, {
      clock: systemClock,
      random: systemRandom,
      log,
      variables: env.variables,
    });
    const status = app.status();
    for (const listener of status.listeners) {
      log.info("Listening", {
        service: listener.service,
        address: listener.address,
        interface: listener.interface,
      });
    }
    for (const note of status.notes) {
      log.info("Note", { note });
    }
    await aborted(env.signal);
    log.info("Stopping");
    await app.stop();
    return 0;
  },
};

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }
}
