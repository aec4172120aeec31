import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Host,
  parseHost,
  parseHostName,
  parseSelection,
  selectHosts,
} from "../../../server/hosts/host.ts";

function names(text: string): readonly string[] | string {
  const parsed = parseSelection(text);
  return parsed.ok
    ? parsed.value.flatMap((item): readonly string[] =>
        item.kind === "group" ? [`@${item.group}`] : item.names,
      )
    : parsed.error;
}

function host(name: string, groups: readonly string[] = []): Host {
  const parsed = parseHost({ name, groups });
  if (!parsed.ok) {
    throw new Error(parsed.error);
  }
  return parsed.value;
}

describe("parseSelection()", () => {
  const cases: Record<string, [text: string, expected: readonly string[]]> = {
    "a name": ["db1", ["db1"]],
    "a list with commas, blanks and lines": ["a, b\nc", ["a", "b", "c"]],
    "a bracket range with padding": ["web[08-11]", ["web08", "web09", "web10", "web11"]],
    "a bracket list": ["web[1,3-4].lan", ["web1.lan", "web3.lan", "web4.lan"]],
    "two brackets as a product": ["r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]],
    "a range in the old form": ["node001-node003", ["node001", "node002", "node003"]],
    "an old range with a domain": ["n1.lan-n2.lan", ["n1.lan", "n2.lan"]],
    "a name with hyphens": ["rack-a-12", ["rack-a-12"]],
    "different prefixes are a name": ["a1-b2", ["a1-b2"]],
    "an escaped hyphen": ["n1\\-n3", ["n1-n3"]],
    "a prefix that holds a hyphen": ["my-n1-my-n2", ["my-n1", "my-n2"]],
    "a group": ["@web,db1", ["@web", "db1"]],
    "upper case becomes lower": ["DB1", ["db1"]],
  };
  it.each(Object.entries(cases))("reads %s", (_name, [text, expected]) => {
    expect(names(text)).toEqual(expected);
  });

  it.each([
    "",
    " , ",
    "web[3-1]",
    "web[a-b]",
    "web[1-999999]",
    "web[1",
    "n[1-200]m[1-200]",
    "a_b",
    "-a",
    "n9-n1",
    "@",
  ])("refuses '%s'", (text) => {
    expect(typeof names(text)).toBe("string");
  });

  it("expands a range to as many names as it counts, all of one width", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 200 }), (from, more) => {
        const pad = (value: number) => String(value).padStart(4, "0");

        const found = names(`n[${pad(from)}-${pad(from + more)}]`);

        expect(found).toHaveLength(more + 1);
        expect(found).toEqual(names(`n${pad(from)}-n${pad(from + more)}`));
        expect(new Set(found).size).toBe(more + 1);
      }),
    );
  });

  it("ends with names or an error on any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ab019[]-,@. \\"), maxLength: 24 }), (text) => {
        const parsed = parseSelection(text);

        expect(typeof parsed.ok).toBe("boolean");
      }),
      { numRuns: 2000 },
    );
  });
});

describe("selectHosts()", () => {
  const hosts = [host("a", ["web"]), host("b", ["web", "db"]), host("c")];

  it("gives each host once, in the order of the selection", () => {
    const chosen = selectHosts("c,@db,@web", hosts);

    expect(chosen.ok && chosen.value.map(({ name }) => name)).toEqual(["c", "b", "a"]);
  });

  it("names everything that is unknown", () => {
    const chosen = selectHosts("a,x[1-2],@none", hosts);

    expect(!chosen.ok && chosen.error).toBe("no such node or group: x1, x2, @none");
  });
});

describe("parseHostName()", () => {
  it.each(["a", "node-1", "n1.example.org", "1a", "a".repeat(63)])("accepts %s", (name) => {
    expect(parseHostName(name).ok).toBe(true);
  });

  it.each([
    "",
    ".",
    "a.",
    "-a",
    "a-",
    "a..b",
    "a b",
    "a/b",
    "ä",
    "a".repeat(64),
    `${"a.".repeat(127)}a`.repeat(2),
  ])("refuses '%s'", (name) => {
    expect(parseHostName(name).ok).toBe(false);
  });
});

describe("parseHost()", () => {
  it("refuses group addresses, since no one machine has them", () => {
    expect(parseHost({ name: "a", macs: ["01:00:5e:00:00:01"] }).ok).toBe(false);
  });

  it("refuses kernel arguments that could leave a boot loader's grammar", () => {
    expect(parseHost({ name: "a", kernelArguments: "quiet; reboot" }).ok).toBe(false);
  });
});
