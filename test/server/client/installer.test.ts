import { describe, expect, it } from "vitest";
import { trustedShell } from "../../../base/posix-quote.ts";
import { clientSettingsFile, renderInstaller } from "../../../server/client/installer.ts";

describe("renderInstaller()", () => {
  const text = renderInstaller({
    url: "https://10.0.0.1:8443",
    pin: "sha256//abc=",
    token: "T0K",
    commands: [{ name: "si_updateclient", text: trustedShell("#!/bin/sh\necho 'it'\"'\"'s'\n") }],
  });

  it("writes the settings for root only, and the commands to be run", () => {
    expect(text).toContain(`install_file ${clientSettingsFile} 600`);
    expect(text).toContain("INGOT_TOKEN=T0K");
    expect(text).toContain("install_file /usr/local/sbin/si_updateclient 755");
  });

  it("leaves a command's text as it is, whatever quotes it holds", () => {
    expect(text).toContain("\n#!/bin/sh\necho 'it'\"'\"'s'\nEND-OF-INGOT-FILE\n");
  });

  it("quotes what would be shell in a setting", () => {
    const hostile = renderInstaller({ url: "https://a/$(reboot)", pin: "p", commands: [] });

    expect(hostile).toContain("INGOT_URL='https://a/$(reboot)'\n");
  });

  it("refuses a text that would end its own file", () => {
    const commands = [{ name: "x", text: trustedShell("a\nEND-OF-INGOT-FILE\nreboot\n") }];

    expect(() => renderInstaller({ url: "u", pin: "p", commands })).toThrow(/would end it early/);
  });
});
