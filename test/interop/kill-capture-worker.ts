/** A process of its own that captures a tree of this machine, to be killed: `node worker STATE ROOT IMAGE`. Says `go` when it has begun, `done` in the end. */
import { captureImage } from "../../images/capture/run.ts";
import type { ImageName } from "../../images/manifest.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { localSession } from "../fakes/remote.ts";

const [state = "", root = "", image = ""] = process.argv.slice(2);
const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
process.stdout.write("go\n");
await captureImage({
  session: localSession(),
  store: new DirectoryStore({ state, clock }),
  image: image as ImageName,
  root,
  clock,
});
process.stdout.write("done\n");
