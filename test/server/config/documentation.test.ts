import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Config } from "../../../server/config/schema.ts";

const page = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8");

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
}

/** Every key of the schema in the page's notation: `netboot.interfaces[].name`. */
function keysOf(schema: JsonSchema, prefix = ""): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const name = prefix === "" ? key : `${prefix}.${key}`;
    const below = value.items === undefined ? keysOf(value, name) : keysOf(value.items, `${name}[]`);
    const isGroup = value.properties !== undefined && prefix === "";
    return isGroup ? below : [name, ...below];
  });
}

describe("docs/configuration.md", () => {
  it("has a row for every key, and no row for another", async () => {
    const { z } = await import("zod");
    const schema = z.toJSONSchema(Config, { io: "input", unrepresentable: "any" }) as JsonSchema;
    const rows = [...page.matchAll(/^\| `([\w.[\]-]+)` \|/gm)].map((match) => match[1]);

    expect(new Set(rows)).toEqual(new Set(keysOf(schema)));
  });

  it("tells the real defaults", () => {
    const config = Config.parse({});
    const told = new Map(
      [...page.matchAll(/^\| `([\w.[\]]+)` \| `([^`]+)` \|/gm)].map((match) => [match[1], match[2]]),
    );

    expect(told.get("state")).toBe(config.state);
    expect(told.get("netboot.bootPort")).toBe(String(config.netboot.bootPort));
    expect(told.get("netboot.nodePort")).toBe(String(config.netboot.nodePort));
    expect(told.get("netboot.flavor")).toBe(config.netboot.flavor);
    expect(told.get("jobs.updates")).toBe(String(config.jobs.updates));
    expect(told.get("log.level")).toBe(config.log.level);
  });
});
