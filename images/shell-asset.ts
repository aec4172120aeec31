/** The shell programs that are sent to machines; they lie beside their TypeScript. */
import { toLatin1 } from "../base/bytes.ts";
import { readPackageFile } from "../base/package-file.ts";
import { type ShellText, trustedShell } from "../base/posix-quote.ts";

/** The shell programs that are sent to machines, by their place in the package. */
export type ShellAsset =
  | "images/capture/client/probe.sh"
  | "images/capture/client/si_prepareclient.sh"
  | "images/update/client/answers.sh"
  | "images/update/client/apply.sh"
  | "images/update/client/receive.sh"
  | "images/update/client/state.sh"
  | "images/update/client/si_updateclient.sh";

/**
 * Reads one of our shell programs. Its text is ours, so it is shell text. A line `#INGOT-INCLUDE PATH` stands for the text of
 * another one: what runs on a client comes in one piece.
 */
export function shellAsset(name: ShellAsset): ShellText {
  return trustedShell(readAsset(name));
}

function readAsset(name: string): string {
  return toLatin1(readPackageFile(name)).replace(/^#INGOT-INCLUDE (\S+)$/gm, (_, included: string) =>
    readAsset(included),
  );
}
