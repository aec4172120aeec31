import process from "node:process";
import { AppError } from "../../../base/errors.ts";
import { packageFile } from "../../../base/package-file.ts";
import { runInteractive } from "../../../base/process.ts";
import { checkProgram } from "../../../images/chroot/program.ts";
import {
  offlineEnvironment,
  putServicesOff,
  removeServicesOff,
} from "../../../images/chroot/services-off.ts";
import { ImageLock } from "../../api/schema/image.ts";
import type { Command, CommandContext } from "../command.ts";

export const imageChrootCommand: Command = {
  name: "image chroot",
  summary: "Work inside an image's tree, as if it had booted; commit afterwards",
  synopsis: "IMAGE [-- COMMAND [ARGUMENT...]]",
  positionals: { min: 1, max: 1000 },
  options: {},
  description:
    "Without COMMAND, a login shell. /proc, /sys, /dev, a fresh /run and resolv.conf are there for as long as it runs, in namespaces of " +
    "their own, so that everything is undone even when the shell or this command is killed. No service is started by what is installed: " +
    "policy-rc.d says no, and systemctl only changes settings. The image is held meanwhile: a capture or commit of it says who holds it. Words of COMMAND that begin with '-' need '--' before them.",
  examples: [
    "ingot image chroot web",
    "ingot image chroot web -- apt-get -y install nginx",
    "ingot image commit web -m nginx",
  ],
  async run(context) {
    const [image = "", ...words] = context.args.positionals;
    if (process.getuid?.() !== 0) {
      throw new AppError("refused", "Working inside an image needs root", {
        hint: "run the command as root",
      });
    }
    const path = `/api/images/${encodeURIComponent(image)}/lock`;
    const purpose = `chroot by ${context.env.variables.SUDO_USER ?? context.env.variables.USER ?? "root"} (pid ${process.pid})`;
    const lock = ImageLock.parse(await context.api().call("POST", path, { purpose, pid: process.pid }));
    try {
      const given = [...words, ...context.args.rest];
      const command = given.length === 0 ? ["/bin/sh", "-l"] : given;
      checkProgram(lock.tree, { image, command: command[0] ?? "" });
      await putServicesOff(lock.tree);
      try {
        return await enter(context, { lock, command });
      } finally {
        await removeServicesOff(lock.tree);
      }
    } finally {
      await context.api().call("DELETE", `${path}?token=${encodeURIComponent(lock.token)}`);
    }
  },
};

/** The environment of a fresh login: nothing of the administrator's session but the terminal leaks into the image. */
async function enter(
  context: CommandContext,
  what: { readonly lock: ImageLock; readonly command: readonly string[] },
): Promise<number> {
  const script = packageFile("images/chroot/image-chroot.sh");
  const environment = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/root",
    TERM: context.env.variables.TERM ?? "dumb",
    LANG: "C.UTF-8",
    DEBIAN_FRONTEND: context.env.stdinIsTerminal ? "" : "noninteractive",
    INGOT_IMAGE: what.lock.image,
    ...offlineEnvironment,
  };
  // Killed, this command takes the shell along: the image is free then, and nobody may be left in it.
  const tied = ["setpriv", "--pdeathsig", "KILL", "sh", script];
  return await runInteractive([...tied, what.lock.tree, what.lock.image, ...what.command], environment);
}
