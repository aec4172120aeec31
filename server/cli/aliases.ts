/**
 * SystemImager's command names as Ingot commands: each old command line is translated to one of Ingot's. Options as the
 * classic line (4.3) takes them; those that have no meaning any more are accepted and said so.
 */
import { AppError } from "../../base/errors.ts";

type OptionKind = "flag" | "text" | "list";

interface OldCommand {
  readonly options: Readonly<Record<string, OptionKind>>;
  readonly shorts?: Readonly<Record<string, string>>;
  /** Options that are read and do nothing here, with why. */
  readonly ignored?: Readonly<Record<string, { readonly kind: OptionKind; readonly why: string }>>;
  readonly translate: (old: OldArguments) => readonly string[];
}

interface OldArguments {
  readonly program: string;
  readonly flags: ReadonlySet<string>;
  readonly texts: ReadonlyMap<string, string>;
  readonly lists: ReadonlyMap<string, readonly string[]>;
  readonly words: readonly string[];
}

export interface Translation {
  readonly words: readonly string[];
  /** For standard error: which old options do nothing. */
  readonly notes: readonly string[];
}

const noScript = "the master script is always made from the version at install time";

export const oldCommands: Readonly<Record<string, OldCommand>> = {
  si_getimage: {
    options: {
      "golden-client": "text",
      image: "text",
      exclude: "list",
      "exclude-file": "text",
      "exclude-from": "text",
      "ssh-user": "text",
      quiet: "flag",
    },
    shorts: { q: "quiet" },
    ignored: {
      "update-script": { kind: "text", why: noScript },
      "post-install": { kind: "text", why: "a node reboots from its disk after an install" },
      "ip-assignment": { kind: "text", why: "nodes get their address by DHCP from the inventory" },
      listing: { kind: "flag", why: "progress is always shown" },
      "autodetect-disks": { kind: "flag", why: "a layout is always fitted to the node's disks" },
      log: { kind: "text", why: "the job's events are the log" },
    },
    translate: (old) => [
      "capture",
      required(old, "image"),
      required(old, "golden-client"),
      ...(old.lists.get("exclude") ?? []).flatMap((rule) => ["--exclude", rule]),
      ...optional(old, "exclude-file", "--exclude-from"),
      ...optional(old, "exclude-from", "--exclude-from"),
      ...optional(old, "ssh-user", "--ssh-user"),
      ...(old.flags.has("quiet") ? ["--quiet"] : []),
    ],
  },
  si_mkclientnetboot: {
    options: {
      netboot: "flag",
      localboot: "flag",
      clients: "text",
      image: "text",
      flavor: "text",
      append: "text",
    },
    ignored: {
      arch: { kind: "text", why: "the firmware says what it is" },
      verbose: { kind: "flag", why: "the result is always shown" },
    },
    translate: (old) => {
      const netboot = old.flags.has("netboot") || !old.flags.has("localboot");
      if (netboot && !old.texts.has("clients")) {
        // Its boot package alone, as the old command made one by the way.
        return ["flavor", "build", required(old, "flavor"), "--from-image", required(old, "image")];
      }
      if (old.flags.has("netboot") && old.flags.has("localboot")) {
        throw new AppError("bad-input", "si_mkclientnetboot: say one of --netboot and --localboot");
      }
      const clients = required(old, "clients")
        .trim()
        .split(/[\s,]+/)
        .join(",");
      return netboot
        ? [
            "deploy",
            clients,
            "--image",
            required(old, "image"),
            ...optional(old, "flavor", "--flavor"),
            ...optional(old, "append", "--append"),
          ]
        : ["localboot", clients];
    },
  },
  si_mkbootpackage: {
    options: { flavor: "text", image: "text", kver: "text" },
    ignored: {
      arch: { kind: "text", why: "the image's kernel says it" },
      yes: { kind: "flag", why: "nothing is asked" },
      quiet: { kind: "flag", why: "only the result is shown" },
      filesystem: { kind: "text", why: "the ramdisk is always a cpio archive" },
      "ssh-key": { kind: "text", why: "the daemon's own key is let in" },
      "authorized-keys": { kind: "text", why: "the daemon's own key is let in" },
      config: { kind: "text", why: "nodes have their settings from the inventory" },
    },
    translate: (old) => [
      "flavor",
      "build",
      ...(old.texts.has("flavor") ? [required(old, "flavor")] : []),
      ...optional(old, "image", "--from-image"),
      ...optional(old, "kver", "--kernel"),
    ],
  },
  si_mkdhcpserver: {
    options: {},
    ignored: {
      file: { kind: "text", why: "it is printed: redirect it to the file" },
      quiet: { kind: "flag", why: "only the configuration is printed" },
      "add-subnet": { kind: "text", why: "netboot.interfaces of the configuration names the subnets" },
      "add-pool": { kind: "text", why: "netboot.interfaces of the configuration names the pools" },
    },
    translate: () => ["export", "kea"],
  },
  si_mkbootserver: {
    options: { interface: "text" },
    ignored: {
      f: { kind: "flag", why: "nothing is asked" },
      localdhcp: { kind: "text", why: "netboot.interfaces of the configuration says which DHCP there is" },
      pxelinux: { kind: "text", why: "the daemon serves its own loaders" },
    },
    translate: (old) => ["doctor", ...optional(old, "interface", "--interface")],
  },
  si_pushupdate: {
    options: {
      hosts: "text",
      image: "text",
      "no-bootloader": "flag",
      reboot: "flag",
      "dry-run": "flag",
    },
    shorts: { n: "hosts", i: "image", b: "no-bootloader", r: "reboot", d: "dry-run" },
    ignored: {
      server: { kind: "text", why: "this server pushes" },
      max: { kind: "text", why: "the daemon bounds its jobs" },
      timeout: { kind: "text", why: "the daemon bounds its connections" },
      "ssh-user": { kind: "text", why: "the daemon's ssh.user says it" },
    },
    translate: (old) => [
      "update",
      required(old, "hosts")
        .trim()
        .split(/[\s,]+/)
        .join(","),
      "--image",
      required(old, "image"),
      ...["no-bootloader", "reboot", "dry-run"]
        .filter((name) => old.flags.has(name))
        .map((name) => `--${name}`),
    ],
  },
  si_pushoverrides: {
    options: {},
    shorts: { v: "verbose", d: "debug", c: "continue", m: "maxworkers", t: "timeout" },
    ignored: {
      verbose: { kind: "flag", why: "the result is always shown" },
      debug: { kind: "flag", why: "the job's events are the log" },
      continue: { kind: "flag", why: "a node that fails does not hold up the others" },
      maxworkers: { kind: "text", why: "the daemon bounds its jobs" },
      timeout: { kind: "text", why: "the daemon bounds its connections" },
    },
    // Groups, nodes and ranges, as words: a group is a group where no node has its name.
    translate: (old) => ["override", "push", old.words.join(",")],
  },
  si_lsimage: {
    options: { json: "flag" },
    shorts: { v: "verbose" },
    ignored: {
      verbose: { kind: "flag", why: "time and golden client are always shown" },
      server: { kind: "text", why: "it asks this machine's daemon" },
      "ssh-user": { kind: "text", why: "it asks this machine's daemon" },
    },
    translate: (old) => ["image", "list", ...old.words, ...(old.flags.has("json") ? ["--json"] : [])],
  },
  si_cpimage: {
    options: { force: "flag" },
    shorts: { v: "verbose" },
    ignored: {
      verbose: { kind: "flag", why: "the result is always shown" },
      directory: { kind: "text", why: "images lie in the daemon's state folder" },
    },
    translate: (old) => ["image", "copy", ...old.words, ...(old.flags.has("force") ? ["--force"] : [])],
  },
  si_mvimage: {
    options: { force: "flag" },
    shorts: { v: "verbose" },
    ignored: {
      verbose: { kind: "flag", why: "the result is always shown" },
      directory: { kind: "text", why: "images lie in the daemon's state folder" },
    },
    translate: (old) => ["image", "move", ...old.words, ...(old.flags.has("force") ? ["--force"] : [])],
  },
  si_rmimage: {
    options: { force: "flag" },
    ignored: { verbose: { kind: "flag", why: "the result is always shown" } },
    translate: (old) => ["image", "remove", ...old.words, ...(old.flags.has("force") ? ["--yes"] : [])],
  },
  si_mkautoinstallscript: {
    options: { image: "text", "config-file": "text" },
    ignored: {
      script: {
        kind: "text",
        why: "the script is printed: write it to scripts/NAME.master of the state folder to pin it",
      },
      overrides: { kind: "text", why: "which overrides a node gets is not a matter of the script" },
      listing: { kind: "flag", why: "progress is always shown" },
      force: { kind: "flag", why: noScript },
      quiet: { kind: "flag", why: "only the script is printed" },
      "update-script": { kind: "text", why: noScript },
      "ip-assignment": { kind: "text", why: "nodes get their address by DHCP from the inventory" },
      "post-install": { kind: "text", why: "a node reboots from its disk after an install" },
      "autodetect-disks": { kind: "flag", why: "a layout is always fitted to the node's disks" },
    },
    translate: (old) => ["layout", "script", old.texts.get("config-file") ?? required(old, "image")],
  },
};

/** The words to run: translated where the program, or the first word, is an old command's name. Throws `bad-input`. */
export function translateOldCommand(program: string, words: readonly string[]): Translation {
  const called = program.slice(program.lastIndexOf("/") + 1);
  const name = oldCommands[called] === undefined ? words[0] : called;
  const command = name === undefined ? undefined : oldCommands[name];
  if (name === undefined || command === undefined) {
    return { words, notes: [] };
  }
  return translate(name, command, name === called ? words : words.slice(1));
}

function translate(program: string, command: OldCommand, words: readonly string[]): Translation {
  if (words.some((word) => ["--help", "-help", "-h"].includes(word))) {
    const known = [...Object.keys(command.options), ...Object.keys(command.ignored ?? {})];
    return { words: ["help"], notes: [`${program} takes ${known.map((name) => `--${name}`).join(" ")}`] };
  }
  const flags = new Set<string>();
  const texts = new Map<string, string>();
  const lists = new Map<string, string[]>();
  const positionals: string[] = [];
  const notes: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const match = /^--?([A-Za-z][A-Za-z-]*)(?:=(.*))?$/s.exec(word);
    if (match?.[1] === undefined) {
      positionals.push(word);
      continue;
    }
    const name = fullName(program, command, match[1]);
    const kind = command.options[name] ?? command.ignored?.[name]?.kind ?? "flag";
    let value = match[2];
    if (kind !== "flag" && value === undefined) {
      i += 1;
      value = words[i];
    }
    if (kind !== "flag" && value === undefined) {
      throw new AppError("bad-input", `${program}: --${name} wants a value`);
    }
    const why = command.ignored?.[name]?.why;
    if (why !== undefined) {
      notes.push(`${program}: --${name} does nothing here: ${why}`);
    } else if (kind === "flag") {
      flags.add(name);
    } else if (kind === "text") {
      texts.set(name, value ?? "");
    } else {
      lists.set(name, [...(lists.get(name) ?? []), value ?? ""]);
    }
  }
  return { words: command.translate({ program, flags, texts, lists, words: positionals }), notes };
}

/** Getopt::Long's unique abbreviations: `--golden` is `--golden-client`. */
function fullName(program: string, command: OldCommand, given: string): string {
  const names = [...Object.keys(command.options), ...Object.keys(command.ignored ?? {})];
  const lower = given.toLowerCase();
  const short = command.shorts?.[given];
  const candidates = names.includes(lower) ? [lower] : names.filter((name) => name.startsWith(lower));
  const name = given.length === 1 && short !== undefined ? short : candidates[0];
  if (name === undefined || (candidates.length > 1 && short === undefined)) {
    const options = names.map((known) => `--${known}`).join(" ");
    throw new AppError("bad-input", `${program}: there is no option --${given}`, {
      hint: `it takes ${options}`,
    });
  }
  return name;
}

function required(old: OldArguments, name: string): string {
  const value = old.texts.get(name);
  if (value === undefined || value === "") {
    throw new AppError("bad-input", `${old.program}: --${name} is missing`);
  }
  return value;
}

function optional(old: OldArguments, name: string, ingot: string): readonly string[] {
  const value = old.texts.get(name);
  return value === undefined ? [] : [ingot, value];
}
