import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../server/config/parse.ts";

function problems(text: string): readonly string[] {
  const parsed = parseConfig(text);
  return parsed.ok ? [] : parsed.error.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

describe("parseConfig()", () => {
  it("starts safely without anything: API on loopback, no interface", () => {
    const parsed = parseConfig("");

    expect(parsed.ok && parsed.value.api.listen).toEqual([{ host: "127.0.0.1", port: 8443 }]);
    expect(parsed.ok && parsed.value.netboot.interfaces).toEqual([]);
  });

  it("leaves DHCP off on an interface that is only named", () => {
    const parsed = parseConfig("netboot: {interfaces: [{name: eth1}]}");

    expect(parsed.ok && parsed.value.netboot.interfaces[0]?.mode).toBe("off");
  });

  it("takes DHCP options in the form that suits them", () => {
    const parsed = parseConfig(
      "netboot: {interfaces: [{name: e, options: [{code: 42, addresses: [10.0.0.5]}, {code: 26, hex: 05dc}]}]}",
    );

    expect(parsed.ok && parsed.value.netboot.interfaces[0]?.options).toEqual([
      [42, Uint8Array.of(10, 0, 0, 5)],
      [26, Uint8Array.of(5, 0xdc)],
    ]);
  });

  const cases: Record<string, [text: string, expected: string[]]> = {
    "an unknown key": ["api:\n  lisen: []\n", ["2:3 api.lisen: unknown key"]],
    "an unknown key deep inside": [
      "netboot:\n  interfaces:\n    - name: eth0\n      vlan: 3\n",
      ["4:7 netboot.interfaces[0].vlan: unknown key"],
    ],
    "a wrong type": ["state: 3\n", ["1:8 state: expected string, received number"]],
    "a bad address": [
      "netboot: {interfaces: [{name: e, mode: server, subnet: 10.0.0.0/40}]}",
      ["1:56 netboot.interfaces[0].subnet: '10.0.0.0/40' is not an IPv4 network (such as 10.1.2.0/24)"],
    ],
    "a server without a subnet": [
      "netboot:\n  interfaces:\n    - name: eth0\n      mode: server\n",
      ["4:13 netboot.interfaces[0].mode: mode 'server' needs a subnet"],
    ],
    "a pool outside its subnet": [
      "netboot:\n  interfaces:\n    - {name: e, mode: server, subnet: 10.0.0.0/24, pool: {from: 10.0.1.1, to: 10.0.0.9}}\n",
      [
        "3:58 netboot.interfaces[0].pool: the pool's from is above its to",
        "3:65 netboot.interfaces[0].pool.from: 10.0.1.1 is not in the subnet 10.0.0.0/24",
      ],
    ],
    "an interface named twice": [
      "netboot:\n  interfaces:\n    - name: e\n    - name: e\n",
      ["4:13 netboot.interfaces[1].name: interface e is named twice"],
    ],
    "a duration without a unit": [
      "netboot: {armTime: 30}",
      ["1:20 netboot.armTime: expected string, received number"],
    ],
    "a DHCP option that Ingot says by itself": [
      "netboot:\n  interfaces:\n    - {name: e, options: [{code: 67, text: x}]}\n",
      ["3:27 netboot.interfaces[0].options[0]: option 67 is Ingot's own to say"],
    ],
    "a DHCP option in two forms": [
      'netboot:\n  interfaces:\n    - {name: e, options: [{code: 42, text: x, hex: "00"}]}\n',
      ["3:27 netboot.interfaces[0].options[0]: option 42 wants one of addresses, text, domains and hex"],
    ],
    "a key that is there twice": ["state: /a\nstate: /b\n", ["2:1 Map keys must be unique"]],
    "a list instead of keys": ["- a\n", ["1:1 expected object, received array"]],
    "an alias": ["api: &a {}\nlog: *a\n", ["2:6 log: expected object, received null"]],
  };
  it.each(Object.entries(cases))("tells the place of %s", (_name, [text, expected]) => {
    expect(problems(text)).toEqual(expected);
  });

  it("tells several problems at once, in the file's order", () => {
    const found = problems("log: {level: loud}\nstate: relative\nfoo: 1\n");

    expect(found.map((problem) => problem.split(" ")[0])).toEqual(["1:14", "2:8", "3:1"]);
  });
});
