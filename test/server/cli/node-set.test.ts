/** What 'ingot node set' asks of the daemon. */
import { describe, expect, it } from "vitest";
import { parseCommandLine } from "../../../server/cli/arguments.ts";
import type { CommandContext } from "../../../server/cli/command.ts";
import { nodeSetCommand } from "../../../server/cli/commands/node.ts";

async function asked(...words: readonly string[]): Promise<unknown> {
  let set: unknown;
  const context = {
    args: parseCommandLine(nodeSetCommand, ["n1", ...words]),
    api: () => ({
      call: (_method: string, _path: string, body: { readonly set: unknown }) => {
        set = body.set;
        return Promise.resolve({ nodes: [] });
      },
    }),
    env: { stdout: { write: () => undefined } },
  };
  await nodeSetCommand.run(context as unknown as CommandContext);
  return set;
}

describe("ingot node set", () => {
  it.each([
    [["--uuid", "none"], { uuid: null }],
    [["--ip", "none"], { ip: null }],
    [["--mac", "none"], { macs: [] }],
    [["--mac", "52:54:00:12:34:57", "--uuid", "none"], { macs: ["52:54:00:12:34:57"], uuid: null }],
    [["--ip", "10.0.0.11"], { ip: "10.0.0.11" }],
  ])("%j", async (words, set) => {
    expect(await asked(...words)).toEqual(set);
  });

  it("takes no MAC together with none", async () => {
    await expect(asked("--mac", "none", "--mac", "52:54:00:12:34:57")).rejects.toThrow("stands alone");
    await expect(asked()).rejects.toThrow("Nothing to change");
  });
});
