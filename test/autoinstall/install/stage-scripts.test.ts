import { expect, test } from "vitest";
import {
  baseHostname,
  fileNames,
  orderScripts,
  scriptClasses,
  scriptVariables,
  stageListing,
} from "../../../autoinstall/install/stage-scripts.ts";

const node = { name: "web07.example.org", groups: ["rack1", "ssd"], image: "debian" };

test("scriptClasses() goes from all over image, base name and groups to the node", () => {
  expect(scriptClasses(node)).toEqual(["all", "debian", "web", "rack1", "ssd", "web07", "web07.example.org"]);
});

test("scriptClasses() names a class once", () => {
  expect(scriptClasses({ name: "web", groups: ["web"], image: "web" })).toEqual(["all", "web"]);
});

test("orderScripts() goes class by class, by number inside each, and leaves out what is not meant", () => {
  const names = [
    "90all.last",
    "10all.fix_swap_uuids",
    "05web07.own",
    "50rack1.pdu",
    "20debian.apt",
    "20debian.apt~",
    "20fedora.dnf",
    "README",
    "all.no_number",
    "10allx.other",
  ];

  expect(orderScripts(names, scriptClasses(node))).toEqual([
    "10all.fix_swap_uuids",
    "90all.last",
    "20debian.apt",
    "50rack1.pdu",
    "05web07.own",
  ]);
});

test("stageListing() tells what runs, then what lies beside", () => {
  expect(stageListing(["20web.x", "byid.conf", "10all.a", ".hidden", "x;y"], ["all", "web"])).toBe(
    "run 10all.a\nrun 20web.x\nfile byid.conf\n",
  );
});

test.each([
  ["web07.example.org", "web"],
  ["node-a.example", "node-a"],
  ["7up", ""],
])("baseHostname(%s) is '%s'", (name, base) => {
  expect(baseHostname(name)).toBe(base);
});

test("fileNames() has the node's own name first and the image last", () => {
  expect(fileNames(node)).toEqual(["web07.example.org", "web07", "rack1", "ssd", "web", "debian"]);
});

test("scriptVariables() are shell assignments that hold whatever is in them", () => {
  expect(scriptVariables({ ...node, groups: ["rack1", "ssd"] }, "10.0.0.1")).toBe(
    "HOSTNAME=web07\nDOMAINNAME=example.org\nBASE_HOSTNAME=web\nGROUPNAMES='rack1 ssd'\nIMAGENAME=debian\nIMAGESERVER=10.0.0.1\n",
  );
});
