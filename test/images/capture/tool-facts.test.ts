import { describe, expect, it } from "vitest";
import { toolFacts } from "../../../images/capture/tool-facts.ts";

const gnuFind = "find (GNU findutils) 4.9.0";
const records = {
  find: "find d 755 0 0 4096 8 1795599608.1628909720 1795599608.1628909720 65024:2 21|||",
  devices: "devices r 0 0||/|",
  stat: "stat 41ed 0 0 4096 8 1795599608 1795599608 65024:2 21 0:0 /",
  link: "link '/proc/self/exe' -> '/bin/busybox'",
  fraction: "fraction 2026-11-23 02:16:39.176124475 +0000",
};

function facts(sections: Readonly<Record<string, string>>) {
  return toolFacts(new Map(Object.entries(sections)));
}

describe("what tools can do", () => {
  it("is all that is wanted on a machine of today", () => {
    const tools = facts({
      find: gnuFind,
      tar: "tar (GNU tar) 1.34",
      listing: Object.values(records).join("\n"),
      touch: "links\nexact",
    });

    expect(tools).toMatchObject({ lister: "find", gnuTar: "1.34" });
    expect(Object.keys(tools)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/Whole|loses|busybox/)]),
    );
  });

  it("asks stat for each device where stat prints no NUL, and knows whole seconds", () => {
    const find = records.find.replaceAll(".1628909720", "");

    const tools = facts({ find: gnuFind, listing: [find, "devices ", records.stat].join("\n"), touch: "" });

    expect(tools).toMatchObject({
      lister: "find-each",
      listsWholeSeconds: true,
      setsWholeSeconds: true,
      losesLinkTimes: true,
    });
  });

  it("takes find and stat of a busybox together, whose tar sets whole seconds", () => {
    const tools = facts({
      tar: "tar (busybox) 1.35.0",
      listing: ["find ", "devices ", records.stat, records.link, records.fraction].join("\n"),
      touch: "links",
    });

    expect(tools).toMatchObject({ lister: "stat", busyboxTar: true, setsWholeSeconds: true });
    expect(tools.listsWholeSeconds).toBeUndefined();
  });

  it("has no way to list where link texts are escaped, or nothing is printed as it must be", () => {
    const escaped = "link `/proc/self/exe' -> `/bin/x'";

    expect(facts({ listing: ["find ", records.stat, escaped].join("\n") }).lister).toBeUndefined();
    expect(facts({ find: gnuFind, listing: [records.stat, records.link].join("\n") }).lister).toBeUndefined();
    expect(facts({ find: gnuFind, listing: records.find }).lister).toBeUndefined();
  });

  it("believes a node's older report that names GNU find", () => {
    expect(facts({ find: gnuFind }).lister).toBe("find");
    expect(facts({ find: "" }).lister).toBeUndefined();
  });
});
