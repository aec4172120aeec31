import { expect, test } from "vitest";
import { renderDifferences } from "../../../server/cli/commands/image-diff.ts";

test("renderDifferences() names what happened to an entry, what of it differs, and its sizes", () => {
  const told = renderDifferences([
    { kind: "write", path: "srv/new", entry: "file", changes: ["missing"], bytes: 2048, bytesAfter: 2048 },
    { kind: "write", path: "etc/link", entry: "symlink", changes: ["link-target", "mtime"] },
    {
      ...{
        kind: "write",
        path: "etc/motd",
        entry: "file",
        changes: ["content", "owner", "mode"],
        bytes: 1024,
      },
      ...{ bytesBefore: 10, bytesAfter: 1024 },
    },
    {
      ...{
        kind: "metadata",
        path: "bin/tool",
        entry: "file",
        changes: ["extended"],
        bytesBefore: 5,
        bytesAfter: 5,
      },
      attributes: ["acl", "security.capability"],
    },
    { kind: "delete", path: "srv/old", entry: "file", changes: [], bytesBefore: 7 },
  ]);

  expect(told.split("\n")).toEqual([
    "added    /srv/new  2.00 KiB",
    "changed  /etc/link  (link-target, mtime)",
    "changed  /etc/motd  (content, owner, mode)  10 B -> 1.00 KiB",
    "changed  /bin/tool  (acl, security.capability)  5 B",
    "removed  /srv/old  7 B",
    "",
  ]);
});
