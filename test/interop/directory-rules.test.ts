/** Files of rules that lie in directories, in captures and updates; rsync with the same filter is the judge. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { once } from "../../base/async.ts";
import { captureImage } from "../../images/capture/run.ts";
import { shellAsset } from "../../images/shell-asset.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { parseFilterRule } from "../../images/sync/filter-rules.ts";
import type { UpdatePlan } from "../../images/update/plan.ts";
import { planFromListing, pullListCommand } from "../../images/update/pull.ts";
import type { UpdateOptions } from "../../images/update/request.ts";
import { bundleStream, updateNode } from "../../images/update/run.ts";
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

  /** As si_updateclient does: the node says what it is and how it looks by commands of its own shell, and takes the bundle. */
  async function pull(options: UpdateOptions): Promise<UpdatePlan> {
    const run = (script: string) => execFileSync("sh", ["-c", script], { maxBuffer: 1e8 });
    const state = run(`${shellAsset("images/update/client/state.sh")}\ningot_update_state '${node}'`);
    const request = { store, image, root: node, options };
    const listing = run(await pullListCommand({ ...request, body: once(state) }));
    const body = Buffer.concat([Buffer.from(`${state.length}\n`), state, listing]);
    const plan = await planFromListing({ ...request, body: once(body) });
    const parts: Uint8Array[] = [];
    for await (const part of bundleStream({ store, plan, options })) {
      parts.push(part);
    }
    execFileSync("sh", ["-c", `${shellAsset("images/update/client/receive.sh")}\ningot_receive '${node}'`], {
      input: Buffer.concat(parts),
    });
    return plan;
  }

  test("a pull does as rsync does with both sides' files, and once more as rsync does once more", async () => {
    await captureImage({ session: localSession(), store, image, root: golden, clock });
    const theirs = path.join(folder, "theirs");
    const rsync = `rsync -aHAX --numeric-ids --checksum --delete '--filter=: .rules' '${store.treePath(image)}/' '${theirs}/'`;
    shell(`cp -a '${node}' '${theirs}'; ${rsync}`);
    const options = { noBootloader: true, rules: rulesOf(": .rules") };

    const plan = await pull(options);

    expect(differences(theirs, node, "--exclude=/etc/systemimager/")).toBe("");
    expect(shell(`cd '${node}'; ls build/own build/keep plain app/data`)).toContain("own.o");
    expect(plan.rules.map(({ origin }) => origin)).toContain("/plain/.rules:1");
    // The node's own file of rules is gone now, and with it what it kept.
    shell(rsync);
    await pull(options);
    expect(differences(theirs, node, "--exclude=/etc/systemimager/")).toBe("");
    expect((await pull(options)).actions.length).toBe(0);
  });

  test("a pull does as rsync does with rules on attributes", async () => {
    shell(`cd '${golden}'; setfattr -n user.secret -v image app/data/b etc/conf; setfattr -n user.kept -v image app/data/b build/one
      cd '${node}'; setfattr -n user.secret -v node app/data/b plain/a.o; setfattr -n user.kept -v node plain/a.o build/one; touch new`);
    await captureImage({ session: localSession(), store, image, root: golden, clock });
    const filters = ["-x user.secret"];
    const theirs = path.join(folder, "theirs");
    shell(`cp -a '${node}' '${theirs}'
      rsync -aHAX --inplace --numeric-ids --checksum --delete '--filter=${filters[0]}' '${store.treePath(image)}/' '${theirs}/'`);
    const options = { noBootloader: true, rules: rulesOf(...filters) };

    await pull(options);

    expect(differences(theirs, node, "--exclude=/etc/systemimager/")).toBe("");
    expect(shell(`cd '${node}'; getfattr -d app/data/b etc/conf plain/a.o 2>/dev/null | grep -v '^$'`)).toBe(
      '# file: app/data/b\nuser.kept="image"\nuser.secret="node"\n# file: plain/a.o\nuser.secret="node"\n',
    );
    expect((await pull(options)).actions.length).toBe(0);
  });

  test("a pull refuses what it cannot ask for, and names the rule", async () => {
    await captureImage({ session: localSession(), store, image, root: golden, clock });
    const options = { noBootloader: true, rules: rulesOf(": .rules") };

    shell(`printf -- '-x user.secret\n' >'${node}/plain/.rules'`);
    await expect(pull(options)).rejects.toMatchObject({
      code: "bad-input",
      message: expect.stringContaining("user.secret' at /plain/.rules:1"),
    });
    shell(`printf ': .other\n' >'${node}/plain/.rules'`);
    await expect(pull(options)).rejects.toMatchObject({
      code: "bad-input",
      message: expect.stringContaining("names others to look for, '.other'"),
    });
  });

  test("a listing that was made under other rules is refused", async () => {
    await captureImage({ session: localSession(), store, image, root: golden, clock });
    const state = execFileSync("sh", [
      "-c",
      `${shellAsset("images/update/client/state.sh")}\ningot_update_state '${node}'`,
    ]);
    const body = Buffer.concat([Buffer.from(`${state.length}\n`), state, Buffer.from("f 644 0 0 1")]);
    const request = { store, image, root: node, options: { rules: rulesOf(": .rules") } };

    await expect(planFromListing({ ...request, body: once(body) })).rejects.toMatchObject({
      code: "conflict",
    });
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
