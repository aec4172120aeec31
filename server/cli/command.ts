/** What a command is and what it is handed. A command holds no process-wide state: everything comes through {@link CliEnv}. */
import type { Clock } from "../../base/ports.ts";
import type { ApiClient } from "./api.ts";

export interface OutputStream {
  write(text: string): void;
  readonly isTerminal: boolean;
  readonly columns: number;
}

export interface CliEnv {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdinIsTerminal: boolean;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The path it was called as: `/usr/sbin/si_getimage` makes it that command. */
  readonly program: string;
  readonly clock: Clock;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

export interface OptionSpec {
  readonly type: "boolean" | "string" | "list";
  readonly short?: string;
  /** The value's name in the help: `DIR`. */
  readonly value?: string;
  readonly help: string;
}

export interface ParsedCommand {
  readonly positionals: readonly string[];
  readonly flag: (name: string) => boolean;
  readonly text: (name: string) => string | undefined;
  readonly list: (name: string) => readonly string[];
  /** Words after `--`. */
  readonly rest: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
}

export interface CommandContext {
  readonly env: CliEnv;
  readonly args: ParsedCommand;
  /** Connects to the daemon on first use. */
  readonly api: () => ApiClient;
  readonly stateFolder: string;
}

export interface Command {
  /** Words that call it: `image commit`. */
  readonly name: string;
  readonly summary: string;
  /** Arguments after the name, as the synopsis shows them: `IMAGE HOST`. */
  readonly synopsis: string;
  readonly positionals: { readonly min: number; readonly max: number };
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Longer text of the manual: paragraphs, wrapped when printed. */
  readonly description?: string;
  readonly examples?: readonly string[];
  /** Returns the exit code; throws AppError. */
  readonly run: (context: CommandContext) => Promise<number>;
}
