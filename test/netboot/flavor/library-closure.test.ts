import { expect, test } from "vitest";
import { closeLibraries } from "../../../netboot/flavor/library-closure.ts";

const libraries = new Map([
  ["liba.so.1", { path: "usr/lib/liba.so.1.2", needed: ["libb.so.1", "libc.so.6"] }],
  ["libb.so.1", { path: "usr/lib/libb.so.1", needed: ["liba.so.1", "libc.so.6"] }],
  ["libc.so.6", { path: "usr/lib/libc.so.6", needed: [] }],
]);

test("closeLibraries() follows what libraries need, in circles too, and tells what is nowhere and who wants it", () => {
  const closure = closeLibraries([{ path: "bin/p", needed: ["liba.so.1", "libz.so.1"] }], (name) =>
    libraries.get(name),
  );

  expect(closure.libraries.map((one) => one.path).sort((a, b) => (a < b ? -1 : 1))).toEqual([
    "usr/lib/liba.so.1.2",
    "usr/lib/libb.so.1",
    "usr/lib/libc.so.6",
  ]);
  expect(closure.missing).toEqual([{ soname: "libz.so.1", neededBy: "bin/p" }]);
});
