import { describe, expect, it } from "vitest";
import { translateOldCommand } from "../../../server/cli/aliases.ts";

describe("translateOldCommand()", () => {
  it.each([
    ["si_getimage --golden-client G --image web", "capture web G"],
    ["si_getimage -golden-client=G -image=web -quiet", "capture web G --quiet"],
    [
      "si_getimage --golden G --im web --exclude /srv/* --exclude /opt/x",
      "capture web G --exclude /srv/* --exclude /opt/x",
    ],
    ["si_mkclientnetboot --netboot --clients N01-N16 --image web", "deploy N01-N16 --image web"],
    [
      "si_mkclientnetboot --netboot --clients n1 --image kvm --flavor kvm",
      "deploy n1 --image kvm --flavor kvm",
    ],
    ["si_mkclientnetboot --clients n1 --image kvm", "deploy n1 --image kvm"],
    ["si_mkclientnetboot --image kvm --flavor kvm", "flavor build kvm --from-image kvm"],
    [
      "si_mkbootpackage --flavor kvm --image kvm --kver 6.1.0-9-amd64",
      "flavor build kvm --from-image kvm --kernel 6.1.0-9-amd64",
    ],
    ["si_mkbootpackage --flavor standard --yes", "flavor build standard"],
    ["si_mkdhcpserver --add-subnet 10.0.0.0/24", "export kea"],
    ["si_mkbootserver -f --interface=eth1 --localdhcp=y", "doctor --interface eth1"],
    ["si_mkclientnetboot --localboot --clients N01-N16", "localboot N01-N16"],
    ["si_pushupdate -n web1 -i web --dry-run", "update web1 --image web --dry-run"],
    ["si_pushoverrides -v -m 10 compute node1", "override push compute,node1"],
    ["si_lsimage", "image list"],
    ["si_lsimage -v web db --json", "image list web db --json"],
    ["si_cpimage -v web next", "image copy web next"],
    ["si_cpimage --force web next", "image copy web next --force"],
    ["si_mvimage --force web next", "image move web next --force"],
    ["si_rmimage --force web", "image remove web --yes"],
    ["si_mkautoinstallscript --image web", "layout script web"],
    [
      "si_mkautoinstallscript --image web --script web2 --config-file /root/other.conf --force --post-install reboot",
      "layout script /root/other.conf",
    ],
    ["image list --json", "image list --json"],
  ])("reads '%s' as '%s'", (old, expected) => {
    const words = old.split(" ");

    expect(translateOldCommand("/usr/bin/ingot", words).words.join(" ")).toBe(expected);
  });

  it("works by the name it is called as", () => {
    const translated = translateOldCommand("/usr/sbin/si_lsimage", ["--verbose"]);

    expect(translated.words).toEqual(["image", "list"]);
    expect(translated.notes).toEqual([expect.stringContaining("--verbose does nothing here")]);
  });

  it("splits a list of clients in the old way: blanks, newlines and commas", () => {
    const translated = translateOldCommand("si_mkclientnetboot", ["--localboot", "--clients", "a b\nc,d"]);

    expect(translated.words).toEqual(["localboot", "a,b,c,d"]);
  });

  it.each([
    ["si_getimage --image web", "--golden-client is missing"],
    ["si_getimage --golden-client", "wants a value"],
    ["si_getimage --nonsense", "no option --nonsense"],
    ["si_mkclientnetboot --clients a", "--image is missing"],
    ["si_mkclientnetboot --netboot --localboot --clients a", "say one of --netboot and --localboot"],
  ])("refuses '%s': %s", (old, message) => {
    expect(() => translateOldCommand("ingot", old.split(" "))).toThrow(message);
  });
});
