/** Commits the image `web` of the state folder named on the command line: a process that a test can kill. */
import { DirectoryStore } from "../../../images/store/directory-store.ts";
import { imageName } from "./image-name.ts";

const state = process.argv[2] ?? "";
const clock = {
  now: () => Date.now(),
  sleep: (time: number) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, time);
    }),
};
await new DirectoryStore({ state, clock }).commit(imageName("web"), { message: "killed" });
