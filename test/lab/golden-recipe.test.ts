import { describe, expect, test } from "vitest";
import { bootstrapArguments, goldenRecipe, sourceLines } from "./golden-recipe.ts";

describe("sourceLines()", () => {
  test("takes the machine's own mirrors of the suite, its updates and its security fixes, once each", () => {
    const targets = [
      "Packages|Debian|bookworm|http://mirror.example/debian/|main",
      "Packages|Debian|bookworm|http://mirror.example/debian/|main",
      "Translations|Debian|bookworm|http://mirror.example/debian/|main",
      "Packages|Debian|bookworm|http://mirror.example/debian/|contrib",
      "Packages|Debian|bookworm-security|http://mirror.example/debian-security/|main",
      "Packages|Debian|trixie|http://mirror.example/debian/|main",
      "Packages|Other|bookworm|http://other.example/|main",
      "",
    ].join("\n");

    expect(sourceLines(targets, "bookworm")).toEqual([
      "deb http://mirror.example/debian-security/ bookworm-security main",
      "deb http://mirror.example/debian/ bookworm main",
    ]);
  });
});

describe("bootstrapArguments()", () => {
  test("names suite, target and sources last, as mmdebstrap wants them", () => {
    const args = bootstrapArguments(goldenRecipe("cloud"), {
      tarball: "/c/base.tar",
      sources: "/l/sources.list",
    });

    expect(args.slice(-3)).toEqual(["bookworm", "/c/base.tar", "/l/sources.list"]);
    expect(args.find((arg) => arg.startsWith("--include="))).toContain("linux-image-cloud-amd64");
  });
});
