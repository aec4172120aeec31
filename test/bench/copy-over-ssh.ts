/** What a capture does to a tree, over SSH: list both sides, plan, stream, apply. Compiled, and run as a process of its own. */
import { isUnchanged } from "../../images/capture/history.ts";
import { listRemoteTable } from "../../images/remote/list.ts";
import { sshConnector } from "../../images/remote/ssh-session.ts";
import { isStreamed } from "../../images/sync/plan.ts";
import { planTables } from "../../images/sync/plan-tables.ts";
import { parseTarMessages } from "../../images/sync/tar-messages.ts";
import { applyToTree } from "../../images/tree/apply.ts";
import { scanTable } from "../../images/tree/scan.ts";
import { memberNames, tarCommand } from "../../images/tree/tar-tool.ts";
import { memoryHostKeys } from "../interop/ssh-server.ts";

const [port = "", key = "", source = "", target = "", known = ""] = process.argv.slice(2);
const session = await sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [key] }).connect({
  host: "127.0.0.1",
  port: Number(port),
  user: "root",
});
const listing = await listRemoteTable(session, { root: source });
const present = await scanTable(target);
const fresh = present.length <= 1;
// `known` stands for the history of an earlier capture, by which attributes need not be read again.
const history = known === "" ? undefined : { client: "", begun: 2 ** 40, seen: new Map() };
const actions = planTables({
  source: listing.table,
  target: present,
  options: {
    deleteExtraneous: true,
    recheck: (client, tree) => !fresh && !isUnchanged(history, { client, tree }),
  },
});

function* paths() {
  for (const action of actions) {
    if (action.kind === "write" && isStreamed(action)) {
      yield action.entry.path;
    }
  }
}

async function* nothing() {
  yield* [];
}

const empty = paths().next().done === true;
const tools = { gnuTar: "1.34", tarXattrs: true, tarAcls: true, tarSelinux: true };
const running = empty
  ? undefined
  : await session.exec(tarCommand({ root: source, tools }), { stdin: memberNames(paths()) });
const result = await applyToTree({
  root: target,
  actions,
  tar: running?.stdout ?? nothing(),
  afterStream: async () => parseTarMessages(running === undefined ? "" : (await running.exit).stderr),
});
await session.close();
if (result.torn.length + result.vanished.length > 0) {
  throw new Error(`${result.torn.length} torn, ${result.vanished.length} vanished`);
}
