import { AppError } from "../../../base/errors.ts";
import { loadConfig } from "../../config/load.ts";
import { renderFindings } from "../../doctor/finding.ts";
import { gather } from "../../doctor/gather.ts";
import { judge } from "../../doctor/judge.ts";
import { statePaths } from "../../state-folder.ts";
import { systemRandom } from "../../system.ts";
import { apiClient } from "../api-client.ts";
import type { Command } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { printJson } from "./started.ts";

export const doctorCommand: Command = {
  name: "doctor",
  summary: "Be a client of one's own services and of the site's: what works, and what is in the way",
  synopsis: "[--interface IF] [--config FILE] [--wait SECONDS]",
  positionals: { min: 0, max: 0 },
  options: {
    interface: {
      type: "string",
      short: "i",
      value: "IF",
      help: "look at this interface only, configured or not (default: all in netboot.interfaces)",
    },
    config: {
      type: "string",
      short: "c",
      value: "FILE",
      help: "the daemon's configuration (default /etc/ingot/ingot.yaml, which may be missing)",
    },
    wait: { type: "string", value: "SECONDS", help: "how long DHCP answers are waited for (default 5)" },
  },
  description:
    "Looks at the daemon, its ports and who holds them, disk space, clock, tools, the default flavor and the firewall's rules. On each " +
    "interface it asks for an address as an operating system, as BIOS and UEFI PXE firmware and as UEFI HTTP boot firmware (where there is an arm64 flavor, as ARM firmware too), " +
    "in the name of a made-up machine and of a known node, and tells every server that answers; it fetches the first loaders by TFTP " +
    "and script, kernel and ramdisk by HTTP. Nothing is taken or changed. Needs root. Exit code 0 when nothing is in the way, else 8. It " +
    "sees the services from this machine; a firewall or switch between it and others is not seen, beyond a hint from nftables' rules.",
  examples: ["ingot doctor", "ingot doctor --interface eth1 --json"],
  async run(context) {
    const { env, args } = context;
    const file = args.text("config");
    const interfaceName = args.text("interface");
    const seconds = Number(args.text("wait") ?? "5");
    if (!(seconds >= 1 && seconds <= 60)) {
      throw new AppError("bad-input", `--wait ${args.text("wait")}: expected 1 to 60 seconds`);
    }
    const state = args.text("state") ?? env.variables.INGOT_STATE;
    const config = await loadConfig({
      ...(file === undefined ? {} : { file }),
      ...(state === undefined ? {} : { state }),
    });
    const api = apiClient(statePaths(config.state).socket);
    const facts = await gather({
      config,
      ...(interfaceName === undefined ? {} : { interfaceName }),
      wait: seconds * 1000,
      call: async (path) => await api.call("GET", path),
      clock: env.clock,
      random: systemRandom,
      signal: env.signal,
    });
    const findings = judge(facts);
    if (args.json) {
      printJson(context, { findings });
    } else {
      env.stdout.write(renderFindings(findings));
    }
    return findings.some(({ level }) => level === "problem") ? exitCodes["remote-failed"] : 0;
  },
};
