/** One operation on the image store of the state folder named on the command line: a process that a test can kill. */
import { DirectoryStore } from "../../../images/store/directory-store.ts";
import { imageName } from "./image-name.ts";

const [state = "", operation = "", ...words] = process.argv.slice(2);
const clock = {
  now: () => Date.now(),
  sleep: (time: number) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, time);
    }),
};
const store = new DirectoryStore({ state, clock });
const web = imageName("web");
process.stdout.write("begins\n");
switch (operation) {
  case "commit":
    await store.commit(web, { message: "killed" });
    break;
  case "rollback":
    await store.rollback({ image: web, number: Number(words[0]) }, { discard: true });
    break;
  case "copy":
    await store.copy({ image: web }, imageName(words[0] ?? ""));
    break;
  case "import":
    await store.importImage(
      imageName(words[0] ?? ""),
      { kind: "tar", file: words[1] ?? "" },
      { message: "" },
    );
    break;
  case "move":
    await store.move(imageName(words[0] ?? ""), imageName(words[1] ?? ""));
    break;
  case "replace-by-copy":
    await store.copy({ image: web }, imageName(words[0] ?? ""), { replace: true });
    break;
  case "replace-by-move":
    await store.move(imageName(words[0] ?? ""), imageName(words[1] ?? ""), { replace: true });
    break;
  case "remove":
    await store.remove(imageName(words[0] ?? ""));
    break;
  case "import-container":
    await store.importImage(
      imageName(words[0] ?? ""),
      { kind: "container", file: words[1] ?? "" },
      { message: "" },
    );
    break;
  case "export-container":
    await store.exportContainer({ image: web }, words[0] ?? "", { replace: true });
    break;
  case "prune":
    await store.prune(web, { keep: 1, inUse: () => undefined });
    break;
  default:
    throw new Error(`There is no operation '${operation}'`);
}
