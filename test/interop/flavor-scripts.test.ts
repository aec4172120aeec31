import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type NodeServer, startNodeServer } from "../netboot/ramdisk/node-server.ts";

const ramdisk = join(import.meta.dirname, "../../netboot/ramdisk");

describe("the ramdisk's scripts", () => {
  test.each(readdirSync(ramdisk))("%s passes dash -n and shellcheck", (name) => {
    execFileSync("dash", ["-n", join(ramdisk, name)]);
    execFileSync("shellcheck", ["-s", "sh", join(ramdisk, name)]);
  });
});

describe("node.sh with a real curl and server", () => {
  const token = "tok-secret.1";
  let directory = "";
  let server: NodeServer;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "ingot-test-node-"));
  });
  afterEach(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  interface Ended {
    readonly code: number;
    readonly stdout: string;
    readonly stderr: string;
  }

  async function run(
    text: string,
    options: { readonly busy?: number; readonly environment?: Readonly<Record<string, string>> } = {},
  ): Promise<Ended> {
    const files = { "/node/tree": Buffer.from("a tree\n") };
    server = await startNodeServer({ directory, token, script: "true\n", files, busy: options.busy ?? 0 });
    const environment = {
      PATH: process.env.PATH ?? "",
      INGOT_RUN: join(directory, "run"),
      INGOT_SERVER: `https://127.0.0.1:${server.port}`,
      INGOT_PIN: server.pin,
      INGOT_TOKEN: token,
      ...options.environment,
    };
    const script = `set -e\n. ${join(ramdisk, "node.sh")}\ningot_configure\n${text}\n`;
    return new Promise((resolve) =>
      execFile("dash", ["-c", script], { env: environment }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      ),
    );
  }

  test("ingot_fetch gives the body, to standard output or a file, and tries again while the server is busy", async () => {
    const ended = await run(
      `ingot_fetch /node/tree; ingot_fetch /node/script ${directory}/s; cat ${directory}/s`,
      {
        busy: 1,
      },
    );

    expect(ended).toMatchObject({ code: 0, stdout: "a tree\ntrue\n" });
    expect(ended.stderr).toContain("attempt 1 of 20, next in 1 s");
  });

  test("ingot_fetch takes a refusal as final", async () => {
    const ended = await run("ingot_fetch /node/nothing");

    expect(ended.code).toBe(22);
    expect(server.requests).toEqual(["GET /node/nothing"]);
  });

  test("ingot_report sends JSON whatever the message holds, and never fails", async () => {
    const ended = await run(`ingot_report write 55 "$(printf 'a "q" \\\\ b\\tc\\nd \\303\\274')" 1024`);

    expect(ended.code).toBe(0);
    const body = server.requests[0]?.replace("POST /node/report ", "") ?? "";
    expect(JSON.parse(body)).toEqual({
      phase: "write",
      percent: 55,
      message: 'a "q" \\ b c d ü',
      bytes: 1024,
    });
  });

  test("ingot_fail tells the server and ends a script", async () => {
    const ended = await run("false || ingot_fail format 'mkfs said no'\necho not reached");

    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(server.requests).toEqual(['POST /node/failed {"phase":"format","message":"mkfs said no"}']);
  });

  test("ingot_done sends the rest of the log first, each byte once", async () => {
    const log = "x".repeat(300_000);
    writeFileSync(join(directory, "first"), log);

    await run(
      `cp ${directory}/first $INGOT_RUN/log; ingot_flush_log; echo last >>$INGOT_RUN/log; ingot_done`,
    );

    expect(server.log()).toBe(`${log}last\n`);
    expect(server.requests).toEqual(["POST /node/done"]);
  });

  test("ingot_post sends a file, standard input, or nothing", async () => {
    await run(
      `echo one >${directory}/f; ingot_post /node/verify ${directory}/f; echo two | ingot_post /node/verify -; ingot_post /node/x`,
    );

    expect(server.requests).toEqual(["POST /node/verify one", "POST /node/verify two", "POST /node/x"]);
  });

  test("a server with another key gets no request, and is not asked again", async () => {
    const pin = `sha256//${Buffer.alloc(32).toString("base64")}`;

    const ended = await run("ingot_fetch /node/tree", { environment: { INGOT_PIN: pin } });

    expect(ended.code).toBe(90);
    expect(server.requests).toEqual([]);
    expect(server.refused()).toBe(0);
  });

  test("the token is in a file only root reads, and in no list of processes", async () => {
    const ended = await run(
      `stat -c %a $INGOT_RUN/curl.conf; (ingot_fetch /node/script >/dev/null) & sleep 0.5; ps -eo args | grep -F -e "curl --conf"; wait`,
      { busy: 1 },
    );

    expect(ended.stdout).toMatch(/^600\n/);
    expect(ended.stdout).not.toContain(token);
    expect(readFileSync(join(directory, "run/curl.conf"), "utf8")).toContain(token);
  });
});
