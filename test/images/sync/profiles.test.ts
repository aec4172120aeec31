import { describe, expect, it } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import { makeSelection } from "../../../images/sync/exclude.ts";
import { parseRule } from "../../../images/sync/filter-rules.ts";
import { defaultProfiles, profileNames, profileRules } from "../../../images/sync/profiles.ts";

describe("profileRules()", () => {
  it.each(profileNames)("gives every rule of %s a reason, an origin and a form that parses", (name) => {
    for (const rule of profileRules(name)) {
      expect(rule.reason).toMatch(/\S/);
      expect(rule.origin).toBe(`profile:${name}`);
      expect(parseRule(rule.text, "test")).toMatchObject({ ok: true, value: { text: rule.text } });
    }
  });

  it("names no rule twice", () => {
    const texts = profileNames.flatMap((name) => profileRules(name).map(({ text }) => text));

    expect(texts).toEqual([...new Set(texts)]);
  });

  it.each([
    ["capture", "proc/1", true],
    ["capture", "proc", false],
    ["capture", "etc/hostname", false],
    ["capture", "home/anna", false],
    ["update", "etc/hostname", true],
    ["update", "etc/machine-id", true],
    ["update", "etc/ssh/ssh_host_rsa_key", true],
    ["update", "etc/ssh/sshd_config", false],
    ["update", "var/lib/nfs/statd/sm", false],
    ["update", "boot/grub/grub.cfg", true],
    ["update", "boot/vmlinuz", false],
    ["update", "srv/lost+found", true],
  ] as const)("in %s, %s is excluded: %s", (operation, path, excluded) => {
    const selection = makeSelection(defaultProfiles[operation].flatMap((name) => profileRules(name)));

    expect(selection.excludes(path as RelPath, false)).toBe(excluded);
  });
});
