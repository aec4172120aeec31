import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { endpoints } from "../../../server/api/endpoints.ts";
import { bootRoutes } from "../../../server/netboot/routes.ts";
import { adminRoutes, machineRoutes } from "../../../server/routes/all.ts";
import type { Services } from "../../../server/services.ts";

const page = readFileSync(new URL("../../../docs/api.md", import.meta.url), "utf8");
const documented = new Set(
  [...page.matchAll(/`((?:GET|POST|PATCH|DELETE) \/[^`?]*)/g)].map((match) => match[1]?.trim()),
);
// Routes are made without being called: nothing of the services is touched.
const services = {} as Services;
const shown = (routes: readonly { readonly method: string; readonly path: string }[]) =>
  routes.map(({ method, path }) => `${method} ${path}`);

describe("docs/api.md", () => {
  it("names every endpoint of the schema", () => {
    expect(Object.values(endpoints).filter((endpoint) => !documented.has(endpoint))).toEqual([]);
  });

  it("names every route for machines", () => {
    const routes = shown(machineRoutes(services, {} as never));

    expect(routes.filter((route) => !documented.has(route))).toEqual([]);
  });

  it("every endpoint of the schema has a route, and every admin route is an endpoint", () => {
    const routes = shown(adminRoutes(services)).filter((route) => route.includes("/api"));

    expect(new Set(routes)).toEqual(new Set(Object.values(endpoints)));
  });

  it("boot routes are under /boot", () => {
    const routes = bootRoutes(services, {
      place: { name: "eth0", discovers: false, nodeUrl: "", bootUrl: "" },
      files: {} as never,
    });

    expect(routes.every(({ path }) => path.startsWith("/boot/"))).toBe(true);
  });
});
