import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { concatBytes } from "../../base/bytes.ts";
import { rewriteTar } from "../../images/tar/rewrite.ts";
import { shell } from "./client-tree.ts";

async function* nothing(): AsyncGenerator<never> {
  yield* [];
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 7777) {
    yield bytes.subarray(at, at + 7777);
  }
}

describe("an archive written anew", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "ingot-old-tar-"));
    shell(`cd '${folder}'; mkdir from to; cd from; n=$(printf 'n%.0s' $(seq 90)); mkdir -p "$n/$n"; echo deep >"$n/$n/$n"
      ln "$n/$n/$n" link; ln -s "$n/$n" symlink; echo x >owned; chown 3000000:4000000 owned; mknod null c 1 3; mkfifo fifo
      touch -d 1955-05-05 old; touch -d 2300-01-01 new; head -c 1000 /dev/urandom >odd
      truncate -s 30M holes; for i in $(seq 60); do printf "$i" | dd of=holes bs=1 seek=$((i * 400000)) conv=notrunc status=none; done
      truncate -s 12G far; printf end | dd of=far bs=1 seek=12884901000 conv=notrunc status=none; truncate -s 1M empty`);
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function rewritten(dialect: "gnu" | "busybox"): Promise<Uint8Array> {
    const archive = execFileSync("sh", ["-c", `cd '${folder}/from' && tar --format=posix -S -c .`], {
      maxBuffer: 64 * 1024 * 1024,
    });
    const parts: Uint8Array[] = [];
    for await (const part of rewriteTar(nothing(), pieces(archive), { dialect })) {
      parts.push(part);
    }
    return concatBytes(parts);
  }

  const differences = (...more: readonly string[]) =>
    execFileSync(
      "rsync",
      ["-naH", ...more, "--checksum", "--delete", "-i", `${folder}/from/`, `${folder}/to/`],
      {
        encoding: "latin1",
      },
    );

  test("in GNU's format of old holds what GNU tar needs, holes too, and no pax header", async () => {
    const archive = await rewritten("gnu");
    execFileSync("tar", ["-x", "-p", "-f", "-", "-C", `${folder}/to`], { input: archive });

    expect(Buffer.from(archive).includes("PaxHeader")).toBe(false);
    shell(`cmp <(head -c 1000000 '${folder}/from/far') <(head -c 1000000 '${folder}/to/far'); truncate -s 0 '${folder}/from/far' '${folder}/to/far'
      touch -r '${folder}/from' '${folder}/from/far' '${folder}/to/far'`);
    expect(differences()).toBe("");
    expect(shell(`stat -c %b '${folder}/to/holes'`)).toMatch(/^\d{1,3}\n$/);
  });

  test("for busybox has the holes filled", async () => {
    shell(`rm '${folder}/from/far'`);
    const archive = await rewritten("busybox");
    execFileSync("busybox", ["tar", "-x", "-p", "-f", "-", "-C", `${folder}/to`], { input: archive });

    shell(
      `chown -h --reference='${folder}/from/symlink' '${folder}/to/symlink'; touch -h -r '${folder}/from/symlink' '${folder}/to/symlink'`,
    );
    // Busybox's tar sets a directory's time before it writes into it; updates set those times themselves.
    expect(differences("--omit-dir-times")).toBe("");
  });
});
