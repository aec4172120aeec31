import { expect, test } from "vitest";
import { matchesPath } from "../../../netboot/flavor/path-pattern.ts";

test.each([
  ["usr/bin/ls", "usr/bin/*", true],
  ["usr/bin/sub/ls", "usr/bin/*", false],
  ["usr/lib/x86_64-linux-gnu/libgcc_s.so.1", "usr/lib/*/libgcc_s.so.1", true],
  ["usr/lib/x/libgcc_sXso.1", "usr/lib/*/libgcc_s.so.1", false],
  ["usr/sbin/mkfs.ext4", "usr/sbin/mkfs.ext?", true],
  ["usr/sbin/mkfs.ext", "usr/sbin/mkfs.ext?", false],
  ["usr/bin/[", "usr/bin/[", true],
  ["a/b/c", "a/**", true],
])("matchesPath(%j, %j) is %s", (path, pattern, matches) => {
  expect(matchesPath(path, pattern)).toBe(matches);
});
