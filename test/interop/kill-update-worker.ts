/** A process of its own that updates a tree over SSH, to be killed. Says `go` when it begins to send, `done` in the end. */
import type { ImageName } from "../../images/manifest.ts";
import { sshConnector } from "../../images/remote/ssh-session.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { updateNode } from "../../images/update/run.ts";
import { memoryHostKeys } from "./ssh-server.ts";

const [port, key, state, node, image] = process.argv.slice(2);
if (port === undefined || key === undefined || state === undefined || node === undefined) {
  throw new Error("Usage: kill-update-worker PORT KEY STATE NODE IMAGE");
}
const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const connector = sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [key] });
const session = await connector.connect({ host: "127.0.0.1", port: Number(port), user: "root" });
let begun = false;
try {
  await updateNode({
    session,
    store: new DirectoryStore({ state, clock }),
    image: image as ImageName,
    root: node,
    clock,
    options: { noBootloader: true },
    onProgress: ({ phase }) => {
      if (phase === "stream" && !begun) {
        begun = true;
        process.stdout.write("go\n");
      }
    },
  });
  process.stdout.write("done\n");
} catch (error) {
  process.stdout.write(`failed ${error instanceof Error ? error.message : ""}\n`);
}
await session.close();
