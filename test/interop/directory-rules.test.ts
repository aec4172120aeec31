/** Files of rules that lie in directories, in captures and updates; rsync with the same filter is the judge. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { captureImage } from "../../images/capture/run.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { parseFilterRule } from "../../images/sync/filter-rules.ts";
import { updateNode } from "../../images/update/run.ts";
import { localSession } from "../fakes/remote.ts";
import { shell } from "./client-tree.ts";
import { hasSshd } from "./ssh-server.ts";
import { imageName } from "./store-support/image-name.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = imageName("ruled");

function rulesOf(...texts: readonly string[]) {
  return texts.flatMap((text) => {
    const parsed = parseFilterRule(text, "--filter");
    if (!parsed.ok) {
      throw new Error(parsed.error.message);
    }
    return parsed.value;
  });
}

describe.skipIf(!hasSshd)("rules in directories", () => {
  let folder: string;
  let golden: string;
  let node: string;
  let store: DirectoryStore;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "ingot-ruled-"));
    golden = path.join(folder, "golden");
    node = path.join(folder, "node");
    store = new DirectoryStore({ state: path.join(folder, "state"), clock });
    shell(`mkdir -p '${golden}'; cd '${golden}'
      mkdir -p app/cache/deep app/data build/keep etc plain
      for f in app/cache/x app/cache/deep/y app/data/a.o app/data/b build/one build/keep/two build/keep/a.o etc/conf plain/a.o; do echo $f >$f; done
      printf -- '- /cache/*\\n- *.o\\n' >app/.rules; printf '+ /keep/***\\n- *\\n' >build/.rules; printf '!\\n- two\\n' >build/keep/.rules
      cp -a . '${node}'; cd '${node}'; rm build/keep/two; echo own >build/own; echo own >app/data/own.o; echo own >plain/own
      printf -- '- own\\n' >plain/.rules; touch -d '1 hour ago' etc/conf`);
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const differences = (from: string, to: string, ...options: readonly string[]) =>
    shell(
      `rsync -naHAX --numeric-ids --checksum --delete --itemize-changes ${options.map((each) => `'${each}'`).join(" ")} '${from}/' '${to}/'`,
    );

  test.each([[": .rules"], ["dir-merge,e .rules"], ["+ a.o", ":n .rules"]])(
    "a capture leaves out what they say: %s",
    async (...filters) => {
      const { rules } = await captureImage({
        session: localSession(),
        store,
        image,
        root: golden,
        clock,
        rules: rulesOf(...filters),
      });

      const tree = store.treePath(image);
      expect(
        differences(golden, tree, "--delete-excluded", ...filters.map((each) => `--filter=${each}`)),
      ).toBe("");
      expect(rules.map(({ origin }) => origin)).toContain("/app/.rules:2");
    },
  );

  test("an update sends what the version's files allow, and leaves what the node's own keep", async () => {
    await captureImage({ session: localSession(), store, image, root: golden, clock });
    const options = { noBootloader: true, rules: rulesOf(": .rules") };

    const theirs = path.join(folder, "theirs");
    shell(`cp -a '${node}' '${theirs}'
      rsync -aHAX --numeric-ids --checksum --delete '--filter=: .rules' '${store.treePath(image)}/' '${theirs}/'`);

    await updateNode({ session: localSession(), store, image, root: node, clock, options });

    expect(differences(theirs, node, "--exclude=/etc/systemimager/")).toBe("");
    expect(shell(`cd '${node}'; ls build/own build/keep plain app/data`)).toContain("own.o");
  });

  test("a file that cannot be read as rules stops it, by its name and line", async () => {
    shell(`printf 'a\\n' >'${golden}/etc/.rules'`);

    await expect(
      captureImage({
        session: localSession(),
        store,
        image,
        root: golden,
        clock,
        rules: rulesOf(": .rules"),
      }),
    ).rejects.toMatchObject({ code: "bad-input", message: expect.stringContaining("/etc/.rules:1") });
  });
});
