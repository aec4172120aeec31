/** Overrides laid by updates over a real sshd, against rsync: what a node becomes is what rsync makes of the image and the trees over it. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { discardLog } from "../../base/ports.ts";
import type { ImageName } from "../../images/manifest.ts";
import type { RemoteSession } from "../../images/remote/session.ts";
import { sshConnector } from "../../images/remote/ssh-session.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import type { UpdateOptions } from "../../images/update/request.ts";
import { updateNode } from "../../images/update/run.ts";
import { overridesFor } from "../../server/overrides/for-node.ts";
import { openOverrideShelf } from "../../server/overrides/shelf.ts";
import { makeClientTree, rsyncDifferences, shell } from "./client-tree.ts";
import { hasSshd, memoryHostKeys, startSshd, type TestSshd } from "./ssh-server.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = "web" as ImageName;
const web01 = { name: "web01", groups: ["compute", "rack"] };
/** What an update leaves alone here, overrides or not. */
const excludes = ["/etc/systemimager", "/tmp/*", "/proc/*", "/sys/*", "/dev/*", "/var/tmp/*", "/etc/fstab"];

describe.skipIf(!hasSshd)("overrides in updates", () => {
  let sshd: TestSshd;
  let session: RemoteSession;
  let folder: string;
  let state: string;
  let node: string;
  let desired: string;
  let store: DirectoryStore;
  let shelf: ReturnType<typeof openOverrideShelf>;

  beforeAll(async () => {
    sshd = await startSshd();
    session = await sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [sshd.key] }).connect({
      host: "127.0.0.1",
      port: sshd.port,
      user: "root",
    });
    folder = mkdtempSync(path.join(tmpdir(), "ingot-overrides-"));
    [state, node, desired] = ["state", "node", "desired"].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    const tree = path.join(state, "images/web");
    makeClientTree(tree);
    shell(`cd '${tree}'; rm -r lost+found home; mkdir -p home opt/app/old usr/sbin var/www/html usr/lib64
      ln -s usr/lib64 lib64; ln -s /usr/sbin sbin; echo in > opt/app/old/in; echo index > var/www/html/index; echo fstab > etc/fstab
      echo a > usr/lib/shared-a; ln usr/lib/shared-a usr/lib/shared-b; ln usr/lib/shared-a usr/lib/shared-c; echo conf > etc/app.conf
      ln -s loop2 loop1; ln -s loop1 loop2; ln -s ../../../../../../etc climb`);
    store = new DirectoryStore({ state, clock });
    await store.commit(image, { message: "" });
    shelf = openOverrideShelf(state, { clock, log: discardLog });
    shell(`cp -a '${tree}' '${node}'; mkdir -p '${state}/overrides'`);
  });

  afterAll(async () => {
    await session.close();
    await sshd.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function update(options: UpdateOptions = {}, root = node): Promise<ReturnType<typeof updateNode>> {
    return await updateNode({
      session,
      store,
      image,
      root,
      clock,
      overrides: await overridesFor({ overrides: shelf }, web01, image),
      options: { noBootloader: true, ...options },
    });
  }

  /** What rsync makes of the image and the overrides, the weakest first; the top folder's own metadata is the image's. */
  function layByRsync(names: readonly string[]): void {
    shell(`rm -rf '${desired}'; cp -a '${state}/images/web' '${desired}'
      for name in ${names.join(" ")}; do
        rsync -aHAXIK --numeric-ids --force '${state}/overrides/'"$name/" '${desired}/'
      done
      chmod --reference='${state}/images/web' '${desired}'; chown --reference='${state}/images/web' '${desired}'
      touch --reference='${state}/images/web' '${desired}'`);
  }

  const differences = () => rsyncDifferences(desired, node, excludes);

  test("lay everybody's, the groups' and the node's trees over the image, each thing exact, the strongest last", async () => {
    shell(`cd '${state}/overrides'; mkdir -p all/etc/new/deep all/usr/lib rack/etc compute/etc web01/etc nobody/etc
      touch -r ../images/web/usr/lib all/usr/lib; chmod 755 all all/* all/*/*
      for each in all rack compute web01 nobody; do echo "$each" > $each/etc/motd; done
      echo all > all/etc/app.conf; echo rack > rack/etc/app.conf; echo compute > compute/etc/app.conf
      echo mine > web01/etc/hostname; echo rack > rack/etc/rack; echo rack > all/etc/rack; chown 12:34 web01/etc/motd; chmod 4751 web01/etc/motd
      setfattr -n user.note -v laid all/etc/new/deep; setfacl -m u:99:rw web01/etc/motd; cp /bin/true all/etc/new/cap; setcap cap_net_raw+ep all/etc/new/cap
      touch -d 2001-02-03T04:05:06.789Z all/etc/new; chmod 2770 all/etc/new/deep; chown 5:6 all/etc/new/deep
      mkfifo all/etc/new/fifo; mknod all/etc/new/null c 1 3; ln -s nowhere all/etc/new/dangling
      printf x > "$(printf 'all/etc/new/latin\\351 \\n*[x]')"; truncate -s 9M all/etc/new/sparse; printf end >> all/etc/new/sparse
      echo one > all/etc/new/one; ln all/etc/new/one all/etc/new/two; ln all/etc/new/one all/usr/lib/three; echo over > rack/etc/new-one
      head -c 3000000 /dev/urandom > all/etc/new/large; echo laid > all/usr/lib/shared-a`);
    shell(
      `cd '${state}/overrides'; mkdir -p rack/etc/new web01/etc/new; touch -d 2002-01-01 rack/etc/new web01/etc/new; echo other > rack/etc/new/one`,
    );
    layByRsync(["all", "rack", "compute", "web01"]);
    const before = await update({ dryRun: true });

    const result = await update();

    expect(before.plan.sources.get("etc/motd" as never)).toBe("web01");
    expect(differences()).toEqual([]);
    expect(readFileSync(path.join(node, "etc/motd"), "utf8")).toBe("web01\n");
    expect(readFileSync(path.join(node, "etc/app.conf"), "utf8")).toBe("compute\n");
    expect(result.plan.overrides.map((each) => each.image)).toEqual(["all", "rack", "compute", "web01"]);
    expect(readFileSync(path.join(node, "etc/systemimager/IMAGE_LAST_SYNCED_TO"), "utf8")).toBe(
      "web@1\noverrides all@1 rack@1 compute@1 web01@1\n",
    );
    expect([...(await update({ dryRun: true })).plan.actions]).toEqual([]);
  });

  test("are pushed alone: nothing else is written, nothing deleted, no version noted", async () => {
    shell(
      `cd '${node}'; echo hand > etc/motd; echo hand > usr/lib/file-9; echo extra > etc/extra; rm -r etc/new`,
    );

    const result = await update({ overridesOnly: true });

    expect(result.plan.summary.delete).toBe(0);
    expect(shell(`cd '${node}'; cat etc/motd usr/lib/file-9 etc/extra etc/new/one`)).toBe(
      "web01\nhand\nextra\nother\n",
    );
    expect([...(await update({ overridesOnly: true, dryRun: true })).plan.actions]).toEqual([]);
    expect([...(await update({ dryRun: true })).plan.actions].map((action) => action.kind)).toEqual(
      expect.arrayContaining(["delete"]),
    );
  });

  test("see a change of attributes alone, and one of content that keeps size and time", async () => {
    shell(`cd '${state}/overrides'; sleep 1.1; setfacl -b web01/etc/motd; setfattr -n user.more -v x all/etc/new/one
      echo reck > '${folder}/same'; touch -r rack/etc/rack '${folder}/same'; cat '${folder}/same' > rack/etc/rack; touch -r '${folder}/same' rack/etc/rack`);
    layByRsync(["all", "rack", "compute", "web01"]);

    await update();

    expect(differences()).toEqual([]);
    expect(readFileSync(path.join(node, "etc/rack"), "utf8")).toBe("reck\n");
  });

  test("go through links to directories as the tree has them, and never out of it", async () => {
    const outside = path.join(folder, "outside");
    shell(`mkdir '${outside}'; cd '${state}/overrides'; mkdir -p all/lib64 all/sbin all/climb all/loop1 web01/etc/way
      echo driver > all/lib64/driver; echo tool > all/sbin/tool; echo climbed > all/climb/climbed; echo loop > all/loop1/in
      ln -s '${outside}' all/etc/way; echo in > web01/etc/way/in
      touch -r ../images/web/usr/lib64 all/lib64; touch -r ../images/web/usr/sbin all/sbin`);

    await update();

    expect(readFileSync(path.join(node, "usr/lib64/driver"), "utf8")).toBe("driver\n");
    expect(readFileSync(path.join(node, "usr/sbin/tool"), "utf8")).toBe("tool\n");
    expect(readFileSync(path.join(node, "etc/climbed"), "utf8")).toBe("climbed\n");
    expect(readFileSync(path.join(node, "loop1/in"), "utf8")).toBe("loop\n");
    expect(readFileSync(path.join(node, "etc/way/in"), "utf8")).toBe("in\n");
    expect(shell(`ls -A '${outside}'; readlink '${node}/lib64' '${node}/sbin' '${node}/climb'`)).toBe(
      "usr/lib64\n/usr/sbin\n../../../../../../etc\n",
    );
    expect([...(await update({ dryRun: true })).plan.actions]).toEqual([]);
  });

  test("put something else in a directory's place, with all that was in it, and the reverse", async () => {
    shell(`cd '${state}/overrides'; rm -rf all/lib64 all/sbin all/climb all/loop1 all/etc/way web01/etc/way; mkdir -p rack/opt rack/var web01/etc/app.conf
      echo file > rack/opt/app; ln -s /srv/www rack/var/www; echo in > web01/etc/app.conf/in; mkdir -p web01/opt/app; echo dir > web01/opt/app/again`);
    layByRsync(["all", "rack", "compute", "web01"]);

    await update();

    expect(differences()).toEqual([]);
    expect(shell(`cd '${node}'; ls opt/app; readlink var/www; cat etc/app.conf/in`)).toBe(
      "again\n/srv/www\nin\n",
    );
  });

  test("lay what belongs to the machine, beside what is its users', and leave its hardware alone", async () => {
    shell(`cd '${state}/overrides'; mkdir -p web01/home/anna/.ssh web01/etc/ssh; echo key > web01/home/anna/.ssh/authorized_keys
      chown -R 1000:1001 web01/home/anna; echo host > web01/etc/ssh/ssh_host_key; echo other > web01/etc/fstab
      cd '${node}'; mkdir -p home/anna/work home/bert etc/ssh; echo hers > home/anna/work/file; echo his > home/bert/file; echo own > etc/ssh/ssh_host_other
      echo hers > home/anna/.profile`);
    layByRsync(["all", "rack", "compute", "web01"]);

    const result = await update();

    expect(
      rsyncDifferences(desired, node, [
        ...excludes,
        "/home/anna/work",
        "/home/anna/.profile",
        "/home/bert",
        "/etc/ssh/ssh_host_other",
      ]),
    ).toEqual([]);
    expect(
      shell(
        `cd '${node}'; cat home/anna/work/file home/anna/.profile home/bert/file etc/ssh/ssh_host_other etc/fstab`,
      ),
    ).toBe("hers\nhers\nhis\nown\nfstab\n");
    expect(result.notes.join("\n")).toMatch(
      /\/etc\/fstab of override web01 is left alone by '- \/etc\/fstab' \(profile:hardware/,
    );
    expect(
      result.plan.rules.filter(({ origin }) => origin === "override web01").map(({ text }) => text),
    ).toContain("+ /home/anna/.ssh/authorized_keys");
    expect([...(await update({ dryRun: true })).plan.actions]).toEqual([]);
  });

  test("are gone from a node when they are taken away, also what only attributes tell apart", async () => {
    shell(
      `cd '${state}/overrides'; cp -a ../images/web/usr/lib/file-7 all/usr/lib/file-7; setfattr -n user.laid -v x all/usr/lib/file-7`,
    );
    await update();
    expect(shell(`getfattr -d '${node}/usr/lib/file-7'`)).toContain("user.laid");
    shell(`cd '${state}/overrides'; rm -r all/usr/lib/file-7 rack compute web01`);
    layByRsync(["all"]);

    const result = await update();

    expect(result.plan.overrides.map((each) => each.image)).toEqual(["all"]);
    expect(rsyncDifferences(desired, node, [...excludes, "/home/*", "/etc/hostname", "/etc/ssh"])).toEqual(
      [],
    );
    expect(readFileSync(path.join(node, "etc/hostname"), "utf8")).toBe("mine\n");
  });
});
