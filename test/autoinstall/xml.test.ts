import { describe, expect, test } from "vitest";
import { parseXml, writeXml, xmlSizeLimit } from "../../autoinstall/xml.ts";

const bomb = `<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;">]><config>&y;</config>`;

describe("what is refused, and where", () => {
  test.each([
    ["an entity bomb", bomb, "doctype", 1, 1, "A document type"],
    [
      "an external entity",
      `<config/>\n<!DOCTYPE c SYSTEM "file:///etc/passwd">`,
      "doctype",
      2,
      1,
      "not allowed",
    ],
    ["an unknown entity", `<config a="&evil;"/>`, "malformed", 1, 9, "'&evil;' is no entity"],
    ["a bare ampersand", `<config a="1 & 2"/>`, "malformed", 1, 9, "write & as &amp;"],
    ["a control character", `<config a="&#1;"/>`, "malformed", 1, 9, "no entity"],
    ["a line end by reference", `<config a="x&#10;y"/>`, "malformed", 1, 9, "no entity"],
    ["an element that is never closed", "<config>\n  <disk>\n</config>", "malformed", 3, 1, "disk"],
    ["a second root", "<config/>\n<config/>", "malformed", 2, 1, "root"],
    ["text after the root", "<config/>\nmore", "malformed", 2, 1, ""],
    ["nothing", "", "malformed", 1, 1, ""],
    [
      "elements nested too deep",
      "<a>".repeat(20) + "</a>".repeat(20),
      "malformed",
      1,
      49,
      "more than 16 deep",
    ],
  ])("%s", (_, text, kind, line, column, says) => {
    const parsed = parseXml(text);

    expect(parsed).toMatchObject({ ok: false, error: { kind, at: { line, column } } });
    expect(parsed.ok ? "" : parsed.error.message).toContain(says);
  });

  test("a file over the limit, before it is looked at", () => {
    expect(parseXml("<".repeat(xmlSizeLimit + 1))).toMatchObject({ error: { kind: "too-large" } });
  });
});

test("an element and an attribute know their places", () => {
  const parsed = parseXml('<config>\r\n  <disk\r\n    dev="/dev/vda" />\r\n</config>');
  const disk = parsed.ok ? parsed.value.root.children.find((node) => node.kind === "element") : undefined;

  expect(disk).toMatchObject({ at: { line: 2, column: 3 }, attributes: [{ at: { line: 3, column: 5 } }] });
});

test("comments, entities and a byte order mark come through a rewrite", () => {
  const text =
    '<!--one-->\n<config>\n  <!-- a--b -->\n  <disk dev="&lt;&quot;&amp;&#39;" />\n</config>\n<!--end-->\n';
  const parsed = parseXml(`\u{feff}${text}`);

  expect(parsed.ok && writeXml(parsed.value)).toBe(
    '<!--one-->\n<config>\n  <!-- a- -b -->\n  <disk dev="&lt;&quot;&amp;\'" />\n</config>\n<!--end-->\n',
  );
});
