import { describe, expect, it } from "vitest";
import { AppError, errorCodes } from "../../../base/errors.ts";
import { discardLog } from "../../../base/ports.ts";
import type { Access, Peer } from "../../../server/api/auth.ts";
import { equalInConstantTime } from "../../../server/api/auth.ts";
import { problemOf } from "../../../server/api/problem.ts";
import { fileResponse, parseRange } from "../../../server/api/range.ts";
import { createRouter, json, type Route, readBody, readJson, text } from "../../../server/api/router.ts";
import { NodesRequest } from "../../../server/api/schema/node.ts";
import { Problem } from "../../../server/api/schema/status.ts";

const remote: Peer = { address: "10.0.0.9", local: false };
const local: Peer = { local: true };
const credentials = {
  hash: (token: string) => `hash of ${token}`,
  adminHash: "hash of admin",
  isClientHash: (hash: string) => hash === "hash of client",
};

function route(access: Access, path = "/x"): Route {
  return { method: "GET", path, access, handle: () => text("in") };
}

function ask(
  routes: readonly Route[],
  init: { path?: string; method?: string; token?: string; body?: string; peer?: Peer },
) {
  const headers: Record<string, string> =
    init.token === undefined ? {} : { authorization: `Bearer ${init.token}` };
  const request = new Request(`http://ingot${init.path ?? "/x"}`, {
    method: init.method ?? "GET",
    headers,
    ...(init.body === undefined ? {} : { body: init.body }),
  });
  return createRouter(routes, { credentials, log: discardLog })(request, init.peer ?? remote);
}

describe("createRouter()", () => {
  const table: readonly (readonly [access: Access, who: string, status: number])[] = [
    ["public", "nobody", 200],
    ["admin", "nobody", 401],
    ["admin", "client", 401],
    ["admin", "wrong", 401],
    ["admin", "admin", 200],
    ["admin", "local", 200],
    ["client", "nobody", 401],
    ["client", "client", 200],
    ["client", "admin", 200],
    ["install", "nobody", 200],
  ];
  it.each(table)("lets to a route for '%s' come: %s → %i", async (access, who, status) => {
    const answer = await ask([route(access)], {
      peer: who === "local" ? local : remote,
      ...(who === "nobody" || who === "local" ? {} : { token: who }),
    });

    expect(answer.status).toBe(status);
  });

  it("answers an unknown path with 404, a known one with another method with 405", async () => {
    expect((await ask([route("public")], { path: "/y" })).status).toBe(404);
    const answer = await ask([route("public")], { method: "DELETE" });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET"]);
  });

  it("hands path segments on decoded, and matches no slash that was encoded into two", async () => {
    const echo: Route = { ...route("public", "/n/{name}"), handle: ({ params }) => json(params) };

    expect(await (await ask([echo], { path: "/n/a%20b%2F.." })).json()).toEqual({ name: "a b/.." });
    expect((await ask([echo], { path: "/n/a/b" })).status).toBe(404);
    expect((await ask([echo], { path: "/n/%ff" })).status).toBe(404);
  });

  it("tells every error as a problem document", async () => {
    const failing: Route = {
      ...route("public"),
      handle: () => {
        throw new AppError("refused", "Disk is too small", { hint: "take a larger one" });
      },
    };

    const answer = await ask([failing], {});

    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(Problem.parse(await answer.json())).toMatchObject({
      status: 422,
      code: "refused",
      hint: "take a larger one",
    });
  });

  it("keeps the message of an unforeseen error to itself", async () => {
    const failing: Route = {
      ...route("public"),
      handle: () => {
        throw new TypeError("secret");
      },
    };

    expect(await (await ask([failing], {})).text()).not.toContain("secret");
  });

  const read: Route = {
    method: "POST",
    path: "/x",
    access: "public",
    handle: async (context) => json(await readJson(context, NodesRequest, { limit: 100 })),
  };
  const bodies: Record<string, [body: string, status: number]> = {
    "a right body": ['{"nodes":"a"}', 200],
    "no JSON": ["{", 400],
    "an unknown field": ['{"nodes":"a","force":true}', 400],
    "a missing field": ["{}", 400],
    "too much": [`{"nodes":"${"a".repeat(200)}"}`, 413],
  };
  it.each(Object.entries(bodies))("reads %s", async (_name, [body, status]) => {
    expect((await ask([read], { method: "POST", body })).status).toBe(status);
  });

  it("reads no more of a body than its limit", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(1024));
      },
    });
    const request = new Request("http://ingot/", {
      method: "POST",
      body: endless,
      duplex: "half",
    } as RequestInit);

    await expect(readBody(request, { limit: 10_000 })).rejects.toMatchObject({ code: "hostile" });

    expect(pulled).toBeLessThan(20);
  });
});

describe("problemOf()", () => {
  it.each(errorCodes)("has a valid status for %s", (code) => {
    const { status } = problemOf(new AppError(code, "x"));

    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
  });
});

describe("parseRange()", () => {
  const table: Record<string, [header: string | null, expected: unknown]> = {
    "no header": [null, undefined],
    "from the start": ["bytes=0-3", { start: 0, end: 4 }],
    "an open end": ["bytes=4-", { start: 4, end: 10 }],
    "a suffix": ["bytes=-3", { start: 7, end: 10 }],
    "a suffix over all": ["bytes=-30", { start: 0, end: 10 }],
    "an end past the file": ["bytes=8-99", { start: 8, end: 10 }],
    "several ranges": ["bytes=0-1,3-4", undefined],
    "an end before the start": ["bytes=5-2", undefined],
    "another unit": ["lines=1-2", undefined],
    "past the end": ["bytes=10-", "unsatisfiable"],
    "an empty suffix": ["bytes=-0", "unsatisfiable"],
  };
  it.each(Object.entries(table))("reads %s", (_name, [header, expected]) => {
    const range = parseRange(header, 10);

    expect(range.ok ? range.value : range.error).toEqual(expected);
  });
});

describe("fileResponse()", () => {
  const bytes = new TextEncoder().encode("0123456789");
  const source = {
    size: 10,
    etag: '"v1"',
    async *read(start: number, end: number) {
      yield bytes.subarray(start, end);
    },
  };

  it("sends a range, and the whole file when If-Range names another version", async () => {
    const get = (headers: Record<string, string>) =>
      fileResponse(new Request("http://x/", { headers }), source);

    const part = get({ range: "bytes=2-4", "if-range": '"v1"' });
    const whole = get({ range: "bytes=2-4", "if-range": '"v0"' });

    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([
      206,
      "bytes 2-4/10",
      "234",
    ]);
    expect([whole.status, await whole.text()]).toEqual([200, "0123456789"]);
  });
});

describe("equalInConstantTime()", () => {
  it.each([
    ["abc", "abc", true],
    ["abc", "abd", false],
    ["abc", "ab", false],
    ["", "", true],
  ])("compares '%s' and '%s'", (a, b, equal) => {
    expect(equalInConstantTime(a, b)).toBe(equal);
  });
});
