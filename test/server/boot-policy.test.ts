import { describe, expect, it } from "vitest";
import type { MacAddress } from "../../base/net-types.ts";
import type { ImageName } from "../../images/manifest.ts";
import { type BootFacts, decideBoot } from "../../server/boot-policy.ts";
import { type Host, parseHost } from "../../server/hosts/host.ts";
import { type Install, type InstallStage, overdue, reduceInstall } from "../../server/installs/install.ts";

const mac = "52:54:00:00:00:01" as MacAddress;
const parsed = parseHost({ name: "n1", macs: [mac], kernelArguments: "console=ttyS0" });
const host = (parsed.ok ? parsed.value : undefined) as Host;

function install(stage: InstallStage, expiresAt = 1000): Install {
  return {
    id: 1,
    node: host.name,
    version: { image: "web" as ImageName, number: 3 },
    flavor: "standard",
    stage,
    armedAt: 0,
    expiresAt,
  };
}

describe("decideBoot()", () => {
  const service = { nodeUrl: "https://10.0.0.1:8443", pin: "sha256//abc=", mac };
  const rescue = { node: host.name, flavor: "standard", armedAt: 0, expiresAt: 900 };
  const discovery = { flavor: "standard", kernelArguments: "console=tty9", isIgnored: false };
  const onlyPc: BootFacts["flavorArch"] = (name) => (name === "standard" ? "x86_64" : undefined);
  const all: BootFacts = { host, install: install("armed"), now: 500, flavorArch: () => "x86_64" };
  const table: Record<string, [facts: Partial<BootFacts>, kind: string, reason: RegExp]> = {
    "an armed node": [{}, "install", /armed for web@3/],
    "an unknown machine": [{ host: undefined }, "ignore", /not known/],
    "a node without an install": [{ install: undefined }, "local-disk", /not armed/],
    "a node whose token is claimed": [{ install: install("installing") }, "local-disk", /used its arming/],
    "an installed node": [{ install: install("done") }, "local-disk", /done/],
    "a node whose install failed": [{ install: install("failed") }, "local-disk", /failed/],
    "a disarmed node": [{ install: install("cancelled") }, "local-disk", /cancelled/],
    "an armed node at the minute it expires": [{ now: 1000 }, "local-disk", /expired/],
    "an armed node whose flavor is gone": [
      { flavorArch: () => undefined },
      "local-disk",
      /flavor standard is gone/,
    ],
    "a node whose rescue was asked for": [{ rescue }, "rescue", /rescue shell was asked for on n1/],
    "a node whose rescue is up": [
      { rescue: { ...rescue, up: { at: 1 } }, install: undefined },
      "local-disk",
      /not armed/,
    ],
    "a node that did not come for its rescue": [
      { rescue, now: 900, install: undefined },
      "local-disk",
      /not armed/,
    ],
    "an unknown machine where there is discovery": [
      { host: undefined, discovery },
      "discover",
      /waits to be adopted/,
    ],
    "an unknown machine that is to be left alone": [
      { host: undefined, discovery: { ...discovery, isIgnored: true } },
      "ignore",
      /left alone/,
    ],
    "an unknown machine where there is no flavor": [
      { host: undefined, discovery, flavorArch: () => undefined },
      "ignore",
      /no flavor standard/,
    ],
    "an armed node with an ARM processor and a PC's flavor": [
      { processor: "arm64" },
      "local-disk",
      /flavor standard is for x86_64 machines/,
    ],
    "an unknown machine with an ARM processor where there is a PC's flavor": [
      { host: undefined, discovery, processor: "arm64", flavorArch: onlyPc },
      "ignore",
      /no flavor standard-arm64/,
    ],
    "a PC where there is an ARM machine's flavor": [
      { host: undefined, discovery, processor: "x64", flavorArch: () => "aarch64" },
      "ignore",
      /no flavor standard /,
    ],
  };
  it.each(Object.entries(table))("lets %s boot what it should", (_name, [facts, kind, reason]) => {
    const decision = decideBoot({ ...all, ...facts }, service);

    expect(decision.kind).toBe(kind);
    expect(decision.reason).toMatch(reason);
  });

  it("gives a node its own way to its disk, and only there", () => {
    const grub: Host = { ...host, localBoot: "grub" };

    const disk = decideBoot({ ...all, host: grub, install: undefined }, service);

    expect(disk).toMatchObject({ kind: "local-disk", method: "grub" });
    expect(decideBoot({ ...all, host: grub }, service)).not.toHaveProperty("method");
  });

  it("gives an unknown machine or a rescue the flavor of its processor", () => {
    const flavorArch: BootFacts["flavorArch"] = (name) =>
      name === "standard-arm64" ? "aarch64" : onlyPc(name);
    const kernels = (["x86", "x64", "arm64"] as const).flatMap((processor) =>
      [
        { ...all, host: undefined, discovery, flavorArch, processor },
        { ...all, rescue, flavorArch, processor },
      ].map((facts) => decideBoot(facts, service)),
    );

    expect(kernels.map((decision) => "kernel" in decision && decision.kernel.split("/")[3])).toEqual([
      ...["standard", "standard", "standard", "standard"],
      ...["standard-arm64", "standard-arm64"],
    ]);
  });

  it("tells the ramdisk what it is for", () => {
    const decisions = [
      decideBoot({ ...all, rescue }, service),
      decideBoot({ ...all, host: undefined, discovery }, service),
    ];

    const words = decisions.map((decision) => ("cmdline" in decision ? decision.cmdline : ""));
    expect(words[0]).toMatch(/ console=ttyS0 .* ingot\.mode=rescue$/);
    expect(words[1]).toMatch(/ console=tty9 .* ingot\.mode=discover$/);
  });

  it("puts server, pin, MAC and token on the command line, after the node's own words", () => {
    const decision = decideBoot(all, { ...service, token: "T" });

    expect(decision.kind === "install" && decision.cmdline).toBe(
      `quiet console=ttyS0 ingot.server=https://10.0.0.1:8443 ingot.pin=sha256//abc= ingot.mac=${mac} ingot.token=T`,
    );
  });

  it("gives no token to whoever only asks what there is to boot", () => {
    const decision = decideBoot(all, service);

    expect(decision.kind === "install" && decision.cmdline).not.toContain("ingot.token");
  });
});

describe("reduceInstall()", () => {
  it("is claimed once: a second claim changes nothing", () => {
    const claimed = reduceInstall(install("armed"), { kind: "claimed" }, 7);

    expect(claimed.stage).toBe("installing");
    expect(reduceInstall(claimed, { kind: "claimed" }, 9)).toBe(claimed);
  });

  it("never lets the percentage fall, and never reports 100 before it is done", () => {
    const at = (state: Install, percent: number) =>
      reduceInstall(state, { kind: "reported", report: { phase: "write", percent } }, 1);

    expect(at(at(install("installing"), 50), 20).percent).toBe(50);
    expect(at(install("installing"), 100).percent).toBe(99);
    expect(reduceInstall(install("installing"), { kind: "done" }, 1).percent).toBe(100);
  });

  it("is not done before it was claimed, and not done after it failed", () => {
    expect(reduceInstall(install("armed"), { kind: "done" }, 1).stage).toBe("armed");
    expect(reduceInstall(install("failed"), { kind: "done" }, 1).stage).toBe("failed");
  });

  it("is overdue when nobody claims it in time, or when the machine falls silent", () => {
    const silence = { silence: 100 };

    expect(overdue(install("armed"), 999, silence)).toBeUndefined();
    expect(overdue(install("armed"), 1000, silence)).toMatch(/did not start/);
    expect(overdue({ ...install("installing"), heardAt: 50 }, 149, silence)).toBeUndefined();
    expect(overdue({ ...install("installing"), heardAt: 50 }, 150, silence)).toMatch(/silent/);
  });
});
