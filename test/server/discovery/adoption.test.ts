import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MacAddress } from "../../../base/net-types.ts";
import { type AdoptionRule, adoptByRule, adoptInOrder, namesOf } from "../../../server/discovery/adoption.ts";
import { parseHardware } from "../../../server/discovery/hardware.ts";
import { type Stranger, waitAnswer } from "../../../server/discovery/stranger.ts";
import { type Host, type HostName, parseHost } from "../../../server/hosts/host.ts";
import { hardwareReport } from "./hardware-report.ts";

const mac = "52:54:00:aa:bb:01" as MacAddress;

function stranger(more: Partial<Stranger> = {}): Stranger {
  const hardware = parseHardware(hardwareReport({ serial: "7XK2 Z13", vendor: "Dell Inc." }));
  return {
    ...{ mac, interface: "eth1", firstSeen: 1, lastSeen: 2, ignored: false },
    ...(hardware.ok ? { hardware: hardware.value } : {}),
    ...more,
  };
}

const nobody = (): boolean => false;
const rule = (more: Partial<AdoptionRule>): AdoptionRule => ({
  name: "web[01-03]",
  groups: ["web"],
  ...more,
});

describe("adoptByRule()", () => {
  it("takes the first rule that fits, and of its names the first that is free", () => {
    const rules = [
      rule({ vendor: "HP*" }),
      rule({ vendor: "dell*", mac: "52:54:*" }),
      rule({ name: "never" }),
    ];

    const adoption = adoptByRule(stranger(), rules, (name) => name === "web01");

    expect(adoption).toEqual({ ok: true, value: { name: "web02", groups: ["web"] } });
  });

  const misses: Record<string, [Partial<AdoptionRule>, Partial<Stranger>]> = {
    "another maker": [{ vendor: "HPE" }, {}],
    "a pattern that fits only the beginning": [{ vendor: "Dell" }, {}],
    "a dot, which is no pattern": [{ vendor: "Dell Inc?x" }, {}],
    "another interface": [{ interface: "eth2" }, {}],
    "more memory than there is": [{ minMemory: 2 ** 40 }, {}],
    "more disks than there are": [{ minDisks: 3 }, {}],
    "a machine that is to be left alone": [{}, { ignored: true }],
    "a machine that has reported nothing": [{}, { hardware: undefined as never }],
  };
  it.each(Object.entries(misses))("lets %s wait for a person", (_name, [conditions, machine]) => {
    expect(adoptByRule(stranger(machine), [rule(conditions)], nobody)).toBeUndefined();
  });

  it("makes a host name of serial and MAC", () => {
    const bySerial = adoptByRule(stranger(), [rule({ name: "node-{serial}" })], nobody);
    const byMac = adoptByRule(stranger(), [rule({ name: "n{mac}" })], nobody);

    expect(bySerial).toEqual({ ok: true, value: { name: "node-7xk2-z13", groups: ["web"] } });
    expect(byMac).toEqual({ ok: true, value: { name: "n525400aabb01", groups: ["web"] } });
  });

  it("says why a rule that fits gives no name", () => {
    const used = adoptByRule(stranger(), [rule({})], () => true);
    const unknown = adoptByRule(stranger(), [rule({ name: "{asset}" })], nobody);

    expect(used?.ok === false && used.error).toMatch(/all names of web\[01-03\] are taken/);
    expect(unknown?.ok === false && unknown.error).toMatch(/wants \{asset\}/);
  });

  it("takes patterns of any text for what they are", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), (text) => {
        const pattern = text.replace(/[*?]/g, "");
        const product = { ...stranger().hardware, product: pattern } as Stranger["hardware"];
        const machine = stranger(product === undefined ? {} : { hardware: product });
        expect(adoptByRule(machine, [rule({ product: pattern })], nobody)?.ok).toBe(true);
      }),
    );
  });
});

describe("adoptInOrder()", () => {
  const host = parseHost({ name: "web01" });

  it("leaves out names that are taken", () => {
    const names = namesOf("web[01-03]");
    const both = [stranger(), stranger({ mac: "52:54:00:aa:bb:02" as MacAddress })];

    const adopted = adoptInOrder(both, names.ok ? names.value : [], (name) =>
      name === "web01" && host.ok ? host.value : undefined,
    );

    expect(adopted.ok && adopted.value.map((one) => [one.stranger.mac, one.name])).toEqual([
      ["52:54:00:aa:bb:01", "web02"],
      ["52:54:00:aa:bb:02", "web03"],
    ]);
  });

  it("adopts none where there are too few names, and takes no group for a name", () => {
    expect(adoptInOrder([stranger()], ["web01" as HostName], () => ({}) as Host).ok).toBe(false);
    expect(namesOf("@web").ok).toBe(false);
  });
});

describe("waitAnswer()", () => {
  const parsed = parseHost({ name: "web01", macs: [mac] });
  const host = parsed.ok ? parsed.value : undefined;
  const table: Record<string, [Parameters<typeof waitAnswer>, boolean, RegExp]> = {
    "an unknown machine": [[stranger(), undefined, false], false, /ingot node adopt 52:54:00:aa:bb:01 NAME/],
    "an adopted one": [[stranger(), host, false], false, /adopted as web01.*ingot deploy web01/],
    "one that has something to boot": [[stranger(), host, true], true, /web01/],
    "one that is to be left alone": [[stranger({ ignored: true }), undefined, false], true, /left alone/],
  };
  it.each(Object.entries(table))("tells %s what to do", (_name, [given, reboot, message]) => {
    const answer = waitAnswer(...given);

    expect(answer.reboot).toBe(reboot);
    expect(answer.message).toMatch(message);
  });
});
