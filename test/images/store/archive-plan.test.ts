import { describe, expect, test } from "vitest";
import { parseRelPath, type RelPath } from "../../../base/path-bytes.ts";
import { allSlices } from "../../../base/slices.ts";
import { type ArchiveMember, planArchive } from "../../../images/store/archive-plan.ts";

function path(text: string): RelPath {
  const parsed = parseRelPath(text);
  if (!parsed.ok) {
    throw new Error(parsed.error);
  }
  return parsed.value;
}

const known = { mode: 0o644, uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 }, extended: [] };

function file(name: string, size = 1): ArchiveMember {
  return { entry: { kind: "file", path: path(name), size, ...known }, dataLength: size, offset: 0 };
}

function link(name: string, target: string): ArchiveMember {
  const entry = { kind: "hardlink", path: path(name), target: path(target), ...known } as const;
  return { entry, dataLength: 0, offset: 512 };
}

describe("planArchive()", () => {
  test("lets a later member of a name replace an earlier one, and makes directories that are only implied", () => {
    const plan = allSlices(planArchive([file("a/b/old", 5), file("z"), file("a/b/old", 7)]));

    expect(plan.ok && plan.value.others.map(({ entry, ordinal }) => [entry.path, ordinal])).toEqual([
      ["z", 1],
      ["a/b/old", 2],
    ]);
    expect(plan.ok && plan.value.directories.map((entry) => entry.path)).toEqual(["", "a", "a/b"]);
    expect(plan.ok && [plan.value.bytes, plan.value.implied]).toEqual([8, 3]);
  });

  test("refuses a link to what comes after it, with the place", () => {
    const plan = allSlices(planArchive([link("l", "f"), file("f")]));

    expect(plan.ok ? undefined : plan.error).toEqual({
      path: "l",
      offset: 512,
      message: "it is a link to 'f', which is no file before it",
    });
  });

  test("stops often in an archive of many members, so that others get their turn", () => {
    const members = Array.from({ length: 50_000 }, (_, index) => file(`d${index % 9}/f${index}`));
    let stops = 0;
    const planning = planArchive(members);
    while (planning.next().done !== true) {
      stops += 1;
    }

    expect(stops).toBeGreaterThan(40);
  });
});
