import { readFile } from "node:fs/promises";
import { AppError, toAppError } from "../../base/errors.ts";
import { type ConfigProblem, parseConfig } from "./parse.ts";
import { Config } from "./schema.ts";

export const defaultConfigFile = "/etc/ingot/ingot.yaml";

export interface LoadOptions {
  /** The file; without it the default one, which may be missing. */
  readonly file?: string;
  /** Overrides the file's `state`. */
  readonly state?: string;
}

/** Reads the configuration. All of a file's problems are told at once, each with its place. */
export async function loadConfig(options: LoadOptions = {}): Promise<Config> {
  const file = options.file ?? defaultConfigFile;
  const text = await readText(file, options.file === undefined);
  const parsed = text === undefined ? { ok: true as const, value: Config.parse({}) } : parseConfig(text);
  if (!parsed.ok) {
    throw configError(file, parsed.error);
  }
  return options.state === undefined ? parsed.value : { ...parsed.value, state: options.state };
}

function configError(file: string, problems: readonly ConfigProblem[]): AppError {
  const lines = problems.map((problem) => `${file}:${problem.line}:${problem.column}: ${problem.message}`);
  const first = problems[0];
  return new AppError("bad-input", lines.join("\n"), {
    hint: "docs/configuration.md lists every key; nothing was started",
    ...(first === undefined ? {} : { at: { file, line: first.line, column: first.column } }),
  });
}

async function readText(file: string, mayBeMissing: boolean): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const wrapped = toAppError(error, "io");
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      if (mayBeMissing) {
        return undefined;
      }
      throw new AppError("not-found", `Configuration file ${file} does not exist`, { cause: error });
    }
    throw new AppError(wrapped.code, `Configuration file ${file} cannot be read: ${wrapped.message}`, {
      cause: error,
    });
  }
}
