/** One piece of work on a store, as a process of its own: `store-work STATE commit|read|file [PATH]`. Output goes to standard output. */
import { parseRelPath } from "../../base/path-bytes.ts";
import { parseImageName } from "../../images/manifest.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";

const [state = "", work, file = ""] = process.argv.slice(2);
const sleep = (time: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, time);
  });
const store = new DirectoryStore({ state, clock: { now: () => Date.now(), sleep } });
const image = parseImageName("web");
const path = parseRelPath(file);
if (!image.ok || !path.ok) {
  throw new Error("bad arguments");
}
switch (work) {
  case "commit":
    await store.commit(image.value, { message: "benchmark" });
    break;
  case "read":
    for await (const chunk of (await store.versionStream({ image: image.value, number: 1 })).stream) {
      if (!process.stdout.write(chunk)) {
        await new Promise((resolve) => process.stdout.once("drain", resolve));
      }
    }
    break;
  case "file":
    process.stdout.write(
      await store.readFile({ image: image.value, number: 1 }, path.value, { limit: 2 ** 30 }),
    );
    break;
  default:
    throw new Error(`Unknown work: ${work}`);
}
