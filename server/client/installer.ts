/** The shell text of `GET /client`: installs the client commands on a machine, and what they need to know of this server. */
import { AppError } from "../../base/errors.ts";
import { type ShellText, sh } from "../../base/posix-quote.ts";

export interface ClientInstaller {
  readonly url: string;
  readonly pin: string;
  /** Without it the commands can prepare a client, and not read images. */
  readonly token?: string;
  /** The commands by name: whole shell programs. */
  readonly commands: readonly { readonly name: string; readonly text: ShellText }[];
}

/** Where a client keeps the server's address, pin and token: shell assignments, readable by root only. */
export const clientSettingsFile = "/etc/systemimager/ingot.conf";
const commandFolder = "/usr/local/sbin";

/** Ends the text of a file in the installer; no line of ours is this. */
const endOfFile = "END-OF-INGOT-FILE";

export function renderInstaller(client: ClientInstaller): ShellText {
  const settings = [
    sh`INGOT_URL=${client.url}`,
    sh`INGOT_PIN=${client.pin}`,
    sh`INGOT_TOKEN=${client.token ?? ""}`,
  ];
  const names = client.commands.map(({ name }) => name).join(" and ");
  return [
    "#!/bin/sh",
    "# Installs Ingot's client commands on this machine, with the server's address and public key.",
    "set -eu",
    "umask 077",
    "",
    "# install_file PATH MODE: standard input becomes the file, whole or not at all.",
    "install_file() {",
    '\tcat >"$1.new"',
    '\tchmod "$2" "$1.new"',
    '\tmv -f "$1.new" "$1"',
    "}",
    "",
    'if [ "$(id -u)" -ne 0 ]; then',
    '\techo "ingot: this wants root" >&2',
    "\texit 1",
    "fi",
    "mkdir -p /etc/systemimager /usr/local/sbin",
    "chmod 755 /etc/systemimager",
    "",
    fileText(clientSettingsFile, { mode: "600", text: settings.join("\n") }),
    ...client.commands.map(({ name, text }) => fileText(`${commandFolder}/${name}`, { mode: "755", text })),
    sh`echo ${`ingot: ${names} are installed in ${commandFolder}`}`,
    "",
  ].join("\n") as ShellText;
}

/** A file as a here-document whose text the shell leaves as it is. */
function fileText(path: string, file: { readonly mode: string; readonly text: string }): string {
  if (file.text.split("\n").includes(endOfFile)) {
    throw new AppError("internal", `A line of ${path} would end it early: ${endOfFile}`);
  }
  const text = file.text.endsWith("\n") ? file.text : `${file.text}\n`;
  return `${sh`install_file ${path} ${file.mode}`} <<'${endOfFile}'\n${text}${endOfFile}\n`;
}
