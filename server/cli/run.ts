import { AppError, toAppError } from "../../base/errors.ts";
import { translateOldCommand } from "./aliases.ts";
import type { ApiClient } from "./api.ts";
import { apiClient } from "./api-client.ts";
import { parseCommandLine } from "./arguments.ts";
import type { CliEnv, Command } from "./command.ts";
import { commands } from "./commands.ts";
import { exitCodes } from "./exit-codes.ts";
import { commandHelp, groupHelp, overviewHelp } from "./help.ts";
import { errorAsJson, renderError } from "./output.ts";

export const defaultStateFolder = "/var/lib/ingot";

/** Runs one command line (without the program's name) and returns the exit code. Never throws. */
export async function runCli(words: readonly string[], env: CliEnv): Promise<number> {
  try {
    const translated = translateOldCommand(env.program, words);
    for (const note of translated.notes) {
      env.stderr.write(`${note}\n`);
    }
    return await dispatch(translated.words, env);
  } catch (error) {
    const failure = env.signal.aborted ? new AppError("cancelled", "Stopped on request") : toAppError(error);
    if (words.includes("--json")) {
      env.stdout.write(`${JSON.stringify(errorAsJson(failure))}\n`);
    }
    env.stderr.write(renderError(failure));
    if (failure.code === "internal" && env.variables.INGOT_DEBUG !== undefined) {
      env.stderr.write(`${error instanceof Error ? (error.stack ?? "") : ""}\n`);
    }
    return exitCodes[failure.code];
  }
}

async function dispatch(words: readonly string[], env: CliEnv): Promise<number> {
  if (words.length === 0 || words[0] === "--help" || words[0] === "-h" || words[0] === "help") {
    const named = words[0] === "help" ? findCommand(words.slice(1)) : undefined;
    env.stdout.write(named === undefined ? overviewHelp(commands) : commandHelp(named.command));
    return words.length === 0 ? exitCodes["bad-input"] : 0;
  }
  const found = findCommand(words);
  if (found === undefined) {
    return unknownCommand(words, env);
  }
  const args = parseCommandLine(found.command, found.rest);
  if (args.help) {
    env.stdout.write(commandHelp(found.command));
    return 0;
  }
  const stateFolder = args.state ?? env.variables.INGOT_STATE ?? defaultStateFolder;
  let client: ApiClient | undefined;
  return await found.command.run({
    env,
    args,
    stateFolder,
    api: () => {
      client ??= apiClient(`${stateFolder}/ingot.sock`);
      return client;
    },
  });
}

/** The command whose name is the longest prefix of the words. */
function findCommand(words: readonly string[]): { command: Command; rest: readonly string[] } | undefined {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(" ");
    const command =
      words.length >= length ? commands.find((candidate) => candidate.name === name) : undefined;
    if (command !== undefined) {
      return { command, rest: words.slice(length) };
    }
  }
  return undefined;
}

function unknownCommand(words: readonly string[], env: CliEnv): number {
  const group = words[0] ?? "";
  const members = commands.filter((command) => command.name.startsWith(`${group} `));
  if (members.length === 0) {
    throw new AppError("bad-input", `There is no command 'ingot ${group}'`, {
      hint: "'ingot --help' lists them",
    });
  }
  const asksHelp = words[1] === undefined || words[1] === "--help" || words[1] === "-h";
  if (!asksHelp) {
    throw new AppError("bad-input", `There is no command 'ingot ${group} ${words[1]}'`, {
      hint: `'ingot ${group} --help' lists them`,
    });
  }
  env.stdout.write(groupHelp(group, members));
  return words[1] === undefined ? exitCodes["bad-input"] : 0;
}
