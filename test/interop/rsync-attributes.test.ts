/** Filter rules on the names of extended attributes; rsync is the judge of what is copied, what stays and what goes. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { RelPath } from "../../base/path-bytes.ts";
import { captureImage } from "../../images/capture/run.ts";
import type { ExtendedAttributes } from "../../images/entry.ts";
import { AttributesParser } from "../../images/remote/attributes.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import type { ResolvedRule } from "../../images/sync/actions.ts";
import { attributeSelection } from "../../images/sync/attribute-rules.ts";
import { withDirectoryRules } from "../../images/sync/dir-merge.ts";
import { parseFilterRule } from "../../images/sync/filter-rules.ts";
import { updateNode } from "../../images/update/run.ts";
import { localSession } from "../fakes/remote.ts";
import { rsyncDifferences, shell } from "./client-tree.ts";
import { hasSshd } from "./ssh-server.ts";
import { imageName } from "./store-support/image-name.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = imageName("attributes");

function rulesOf(texts: readonly string[]) {
  return texts.flatMap((text) => {
    const parsed = parseFilterRule(text, "--filter");
    if (!parsed.ok) {
      throw new Error(`${text}: ${parsed.error.message}`);
    }
    return parsed.value;
  });
}

/** What has which attributes, as getfattr shows them. */
function attributesOf(tree: string): ReadonlyMap<RelPath, ExtendedAttributes> {
  const parser = new AttributesParser();
  parser.write(
    execFileSync("sh", ["-c", "find . -print0 | xargs -0 getfattr -h -d -m - -e hex --"], {
      cwd: tree,
      encoding: "latin1",
    }),
  );
  return parser.end();
}

const places = ["", "d", "d/f", "d/e", "d/e/g", "h"] as RelPath[];
const names = ["user.a", "user.b", "user.ab", "trusted.a", "user.a.b", "security.a", "user.x/y"];

describe("rules on attributes", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-attributes-"));
  const at = (name: string) => path.join(folder, name);

  /** Every name has an attribute here that it has not there, one that is other there, and one that is the same. */
  function make(tree: string, shift: number): void {
    shell(`mkdir -p '${tree}/d/e'; cd '${tree}'; echo 1 >d/f; echo 2 >d/e/g; echo 3 >h`);
    for (const [index, place] of places.entries()) {
      for (const [each, name] of names.entries()) {
        if ((index + each + shift) % 3 !== 0) {
          execFileSync("setfattr", ["-n", name, "-v", `v${each % 2 === 0 ? shift : 0}`, `./${place}`], {
            cwd: tree,
          });
        }
      }
    }
    shell(`cd '${tree}'; find . -exec touch -d '2020-01-01' {} +`);
  }

  beforeAll(() => {
    make(at("source"), 0);
    make(at("standing"), 1);
    mkdirSync(at("nothing"));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const pattern = fc.constantFrom(
    ...[
      "user.a",
      "user.*",
      "*.a",
      "user.?",
      "trusted.*",
      "*",
      "**",
      "user.[ab]",
      "security.*",
      "/user.a",
      "y",
      "x/y",
    ],
    ...["user.x/y", "user.a/", "user.**", "a", "system.*", "/*", "user.x/*"],
  );
  const kind = fc.constantFrom(
    ...[
      "-x",
      "+x",
      "-x",
      "+x",
      "-xs",
      "-xr",
      "+xs",
      "+xr",
      "Px",
      "Hx",
      "Rx",
      "Sx",
      "-x!",
      "exclude,x",
      "hide,x!",
      "-xp",
    ],
  );
  const rule = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(kind, pattern).map(([head, tail]) => `${head} ${tail}`) },
    { weight: 1, arbitrary: fc.constantFrom("- h", "- /d/e", "+ user.a", "- user.*") },
  );

  function settledBy(rules: readonly ResolvedRule[], tree: string): ReadonlyMap<RelPath, ExtendedAttributes> {
    const selection = attributeSelection(rules);
    const [source, standing] = [attributesOf(at("source")), attributesOf(tree)];
    return new Map(
      places.map((place) => {
        const from = { source: source.get(place) ?? [], standing: standing.get(place) ?? [] };
        return [place, selection === undefined ? from.source : selection.settled(place, from)];
      }),
    );
  }

  test("copies, leaves and takes away what rsync does, for random rules", () => {
    fc.assert(
      fc.property(fc.array(rule, { minLength: 1, maxLength: 4 }), (texts) => {
        rmSync(at("target"), { recursive: true, force: true });
        execFileSync("cp", ["-a", at("standing"), at("target")]);
        const files = texts.filter((text) => /^[-+] /.test(text));
        execFileSync("rsync", [
          ...["-rtX", ...texts.map((text) => `--filter=${text}`)],
          ...[`${at("source")}/`, `${at("target")}/`],
        ]);
        const theirs = attributesOf(at("target"));
        for (const [place, extended] of settledBy(rulesOf(texts), at("standing"))) {
          const left = files.some(
            (text) => text === `- ${place}` || `/${place}/`.startsWith(`${text.slice(2)}/`),
          );
          if (!left) {
            expect([texts, place, extended]).toEqual([texts, place, theirs.get(place) ?? []]);
          }
        }
      }),
      { numRuns: Number(process.env["INGOT_RUNS"] ?? 150) },
    );
  });

  test("takes the rules of files in directories for what lies below them, as rsync does", () => {
    const file = fc.array(fc.tuple(fc.constantFrom("-x", "+x", "-xs", "Hx", "-x!"), pattern), {
      minLength: 1,
      maxLength: 3,
    });
    const written = fc.dictionary(fc.constantFrom(".f", "d/.f", "d/e/.f"), file, { minKeys: 1, maxKeys: 2 });
    fc.assert(
      fc.property(fc.constantFrom(": .f", ":n .f", ":e .f", ":x .f"), written, (merge, files) => {
        const texts = new Map(
          Object.entries(files).map(([name, lines]) => [
            name as RelPath,
            `${lines.map(([head, tail]) => `${head} ${tail}`).join("\n")}\n`,
          ]),
        );
        for (const [name, text] of texts) {
          writeFileSync(path.join(at("source"), name), text);
        }
        try {
          rmSync(at("target"), { recursive: true, force: true });
          mkdirSync(at("target"));
          execFileSync("rsync", ["-rtX", `--filter=${merge}`, `${at("source")}/`, `${at("target")}/`]);
          const resolved = withDirectoryRules(rulesOf([merge]), { source: texts });
          if (!resolved.ok) {
            throw new Error(resolved.error.message);
          }
          const theirs = attributesOf(at("target"));
          for (const [place, extended] of settledBy(resolved.value, at("nothing"))) {
            const asked = JSON.stringify([merge, [...texts], place]);
            expect([asked, extended]).toEqual([asked, theirs.get(place) ?? []]);
          }
        } finally {
          for (const name of texts.keys()) {
            rmSync(path.join(at("source"), name));
          }
        }
      }),
      { numRuns: Number(process.env["INGOT_RUNS"] ?? 150) },
    );
  });
});

describe.skipIf(!hasSshd)("rules on attributes, over whole trees", () => {
  let folder: string;
  let store: DirectoryStore;
  const at = (name: string) => path.join(folder, name);

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "ingot-attributed-"));
    store = new DirectoryStore({ state: at("state"), clock });
    shell(`mkdir -p '${at("golden")}/app/deep' '${at("golden")}/etc'; cd '${at("golden")}'
      echo a >app/a; echo b >app/deep/b; echo c >etc/c; ln -s c etc/link; head -c 3000000 /dev/urandom >big; ln app/a app/linked
      for f in . app app/a app/deep/b etc/c big; do setfattr -n user.keep -v 1 $f; setfattr -n user.cache -v 2 $f; setfattr -n trusted.t -v 3 $f; done
      setfacl -m u:12345:r app/a; setfacl -d -m u:12345:rwx app; setfattr -h -n trusted.l -v 4 etc/link
      printf -- '-x user.keep\n' >app/deep/.rules
      setcap cap_net_raw=ep etc/c; touch -d '2020-01-01' app etc app/a`);
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  // ACLs go with the file by --acls, whatever the rules on attributes say; rsync would take the kernel's names of them for attributes.
  const words = (filters: readonly string[]) =>
    ["Px system.posix_acl_*", ...filters].map((each) => `'--filter=${each}'`).join(" ");

  const judged = (from: string, to: string, filters: readonly string[]) =>
    shell(
      `rsync -naHAX --numeric-ids --checksum --delete --delete-excluded --itemize-changes ${words(filters)} '${from}/' '${to}/'`,
    );

  const capture = (filters: readonly string[]) =>
    captureImage({
      ...{ session: localSession(), store, image, root: at("golden"), clock },
      ...(filters.length === 0 ? {} : { rules: rulesOf(filters) }),
    });

  test.each([[["+x user.keep", "-x *"]], [[":e .rules", "-x trusted.*"]]])(
    "a capture takes what rsync takes, and other rules later take the rest or less: %s",
    async (filters) => {
      await capture(filters);

      expect(judged(at("golden"), store.treePath(image), filters)).toBe("");

      await capture([]);

      expect(rsyncDifferences(at("golden"), store.treePath(image))).toEqual([]);

      shell(`cd '${at("golden")}'; printf x | dd of=big bs=1 seek=1000000 conv=notrunc status=none`);
      const again = await capture(filters);

      expect(judged(at("golden"), store.treePath(image), filters)).toBe("");
      expect((await store.history(image)).length).toBe(3);
      expect((await capture(filters)).sentFiles).toBe(0);
      expect(again.changed).toBe(true);
    },
  );

  test.each([[["-x user.cache"]], [["-xr user.own", "-xs user.cache"]], [["-xs *"]], [["-x! user.*"]]])(
    "an update sets, leaves and takes away what rsync does: %s",
    async (filters) => {
      await capture([]);
      shell(`cp -a '${at("golden")}' '${at("node")}'; cd '${at("node")}'
      for f in . app app/a app/deep/b etc/c big; do setfattr -n user.own -v 5 $f; setfattr -n user.cache -v 6 $f; setfattr -x trusted.t $f; done
      echo other >etc/c; setfattr -n user.own -v 7 etc/c; printf y | dd of=big bs=1 seek=2000000 conv=notrunc status=none; rm app/deep/b
      setfacl -b app/a; setfattr -h -n trusted.l -v 8 etc/link
      cp -a . '${at("theirs")}'`);
      // A file that rsync puts in the place of another has nothing of what the rules keep of that one; written into, it does.
      shell(
        `rsync -aHAX --inplace --numeric-ids --checksum --delete ${words(filters)} '${store.treePath(image)}/' '${at("theirs")}/'`,
      );
      const update = (dryRun: boolean) =>
        updateNode({
          ...{ session: localSession(), store, image, root: at("node"), clock },
          options: { noBootloader: true, rules: rulesOf(filters), dryRun },
        });

      await update(false);

      expect(
        rsyncDifferences(at("theirs"), at("node"), [
          "/etc/systemimager/",
          "/etc/systemimager/IMAGE_LAST_SYNCED_TO",
        ]),
      ).toEqual([]);
      expect([...(await update(true)).plan.actions]).toEqual([]);
    },
  );
});
