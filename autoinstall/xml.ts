/**
 * A small XML tree with positions: what layout files are read into and written from. Only elements, attributes, comments
 * and text exist here; a document type, and with it every kind of entity trick, is refused. The one user of the XML library.
 */
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { err, ok, type Result } from "../base/result.ts";

/** A 1-based place in a text. */
export interface XmlPosition {
  readonly line: number;
  readonly column: number;
}

export interface XmlAttribute {
  readonly name: string;
  readonly value: string;
  readonly at?: XmlPosition;
}

export interface XmlElement {
  readonly kind: "element";
  readonly name: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly XmlNode[];
  readonly at?: XmlPosition;
}

export interface XmlComment {
  readonly kind: "comment";
  readonly text: string;
}

export interface XmlText {
  readonly kind: "text";
  readonly text: string;
}

export type XmlNode = XmlElement | XmlComment | XmlText;

export interface XmlDocument {
  /** Comments before the root. */
  readonly before: readonly XmlComment[];
  readonly root: XmlElement;
  readonly after: readonly XmlComment[];
}

export interface XmlProblem {
  readonly kind: "malformed" | "doctype" | "too-large";
  readonly message: string;
  readonly at: XmlPosition;
}

/** A layout of a thousand partitions is a tenth of this. */
export const xmlSizeLimit = 1024 * 1024;
const depthLimit = 16;
const start: XmlPosition = { line: 1, column: 1 };

class Refusal extends Error {
  readonly at: XmlPosition;

  constructor(message: string, at: XmlPosition) {
    super(message);
    this.name = "Refusal";
    this.at = at;
  }
}

/** What the parser gives with `preserveOrder`: an object with one tag key, and attributes under `:@`. */
type RawNode = Readonly<Record<string, unknown>>;

/** Typed as the wrapper object by the library; it is the primitive. */
const metaData = XMLParser.getMetaDataSymbol() as unknown as symbol;

function positionIn(text: string, offset: number): XmlPosition {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

const namedEntities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function isControl(code: number): boolean {
  return code < 0x20 || code === 0x7f;
}

function decodeEntities(value: string, at: XmlPosition): string {
  const spaced = value.replace(/[\t\n]/g, " ");
  const decoded = spaced.replace(/&([^;&]*);?/g, (whole: string, name: string) => {
    const digits = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name);
    if (digits !== null) {
      const code =
        digits[1] === undefined ? Number.parseInt(digits[2] ?? "", 10) : Number.parseInt(digits[1], 16);
      if (code <= 0x10ffff && !isControl(code) && !(code >= 0xd800 && code <= 0xdfff)) {
        return String.fromCodePoint(code);
      }
    }
    const named = Object.hasOwn(namedEntities, name) ? namedEntities[name] : undefined;
    if (named === undefined || !whole.endsWith(";")) {
      throw new Refusal(`'${whole.slice(0, 20)}' is no entity that a layout may hold (write & as &amp;)`, at);
    }
    return named;
  });
  for (const character of decoded) {
    if (isControl(character.codePointAt(0) ?? 0)) {
      throw new Refusal("A value holds a control character", at);
    }
  }
  return decoded;
}

/** Finds where each attribute of the start tag at `offset` begins. */
function attributePositions(text: string, offset: number): ReadonlyMap<string, XmlPosition> {
  const positions = new Map<string, XmlPosition>();
  const pattern = /\s([^\s=<>/]+)\s*=\s*(?:"[^"]*"|'[^']*')|>/g;
  pattern.lastIndex = offset;
  for (let match = pattern.exec(text); match?.[1] !== undefined; match = pattern.exec(text)) {
    positions.set(match[1], positionIn(text, match.index + 1));
  }
  return positions;
}

function textOf(value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  return Array.isArray(value) ? value.map((node: RawNode) => textOf(node["#text"])).join("") : "";
}

function convertNode(raw: RawNode, text: string, depth: number): XmlNode | undefined {
  const name = Object.keys(raw).find((key) => key !== ":@") ?? "";
  if (name.startsWith("?")) {
    return undefined;
  }
  if (name === "#comment") {
    return { kind: "comment", text: textOf(raw[name]) };
  }
  if (name === "#text" || name === "#cdata") {
    return { kind: "text", text: textOf(raw[name]) };
  }
  const offset = (Reflect.get(raw, metaData) as { startIndex?: number } | undefined)?.startIndex ?? 0;
  const at = positionIn(text, offset);
  if (depth > depthLimit) {
    throw new Refusal(`Elements are nested more than ${depthLimit} deep`, at);
  }
  const positions = attributePositions(text, offset);
  const attributes = Object.entries((raw[":@"] ?? {}) as Record<string, string>).map(([attribute, value]) => {
    const place = positions.get(attribute) ?? at;
    return { name: attribute, value: decodeEntities(value, place), at: place };
  });
  const children = (raw[name] as readonly RawNode[])
    .map((child) => convertNode(child, text, depth + 1))
    .filter((child) => child !== undefined);
  return { kind: "element", name, attributes, children, at };
}

/** Drops white-space text; other text outside the root is an error. */
function assemble(nodes: readonly XmlNode[], text: string): XmlDocument {
  const before: XmlComment[] = [];
  const after: XmlComment[] = [];
  let root: XmlElement | undefined;
  for (const node of nodes) {
    if (node.kind === "comment") {
      (root === undefined ? before : after).push(node);
    } else if (node.kind === "text") {
      if (node.text.trim() !== "") {
        const offset = Math.max(text.lastIndexOf(node.text.trim()), 0);
        throw new Refusal("Text stands outside the root element", positionIn(text, offset));
      }
    } else if (root === undefined) {
      root = node;
    } else {
      throw new Refusal(`A second root element <${node.name}> follows <${root.name}>`, node.at ?? start);
    }
  }
  if (root === undefined) {
    throw new Refusal("There is no element in it (expected <config>)", start);
  }
  return { before, root, after };
}

/** Parses XML text. Bad input is a located problem, never an exception. */
export function parseXml(input: string): Result<XmlDocument, XmlProblem> {
  if (input.length > xmlSizeLimit) {
    const message = `The file is over ${xmlSizeLimit} bytes`;
    return err({ kind: "too-large", message, at: start });
  }
  const text = input.replace(/^\u{feff}/u, "").replace(/\r\n?/g, "\n");
  const withoutComments = text.replace(/<!--[\s\S]*?-->/g, (comment) => comment.replace(/[^\n]/g, " "));
  const doctype = /<!(?:DOCTYPE|ENTITY)/i.exec(withoutComments);
  if (doctype !== null) {
    const message = "A document type (DOCTYPE) is not allowed in a layout";
    return err({ kind: "doctype", message, at: positionIn(text, doctype.index) });
  }
  // The parser passes over what follows the last tag.
  const end = withoutComments.lastIndexOf(">") + 1;
  const stray = end === 0 ? -1 : withoutComments.slice(end).search(/\S/);
  if (stray >= 0) {
    const message = "Text stands outside the root element";
    return err({ kind: "malformed", message, at: positionIn(text, end + stray) });
  }
  const verdict = XMLValidator.validate(text);
  if (verdict !== true) {
    const at = { line: verdict.err.line || 1, column: verdict.err.col || 1 };
    return err({ kind: "malformed", message: verdict.err.msg.replace(/\.$/, ""), at });
  }
  try {
    const raw = new XMLParser({
      preserveOrder: true,
      ignoreAttributes: false,
      attributeNamePrefix: "",
      commentPropName: "#comment",
      cdataPropName: "#cdata",
      captureMetaData: true,
      processEntities: false,
      parseAttributeValue: false,
      parseTagValue: false,
      trimValues: false,
    }).parse(text) as readonly RawNode[];
    const nodes = raw.map((node) => convertNode(node, text, 1)).filter((node) => node !== undefined);
    return ok(assemble(nodes, text));
  } catch (error) {
    const at = error instanceof Refusal ? error.at : start;
    return err({ kind: "malformed", message: error instanceof Error ? error.message : String(error), at });
  }
}

function escapeValue(value: string): string {
  return value
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** A comment may hold no `--` and not end in `-`. */
function commentText(text: string): string {
  return text.replace(/-(?=-)/g, "- ").replace(/-$/, "- ");
}

function writeNode(node: XmlNode, indent: string): string {
  if (node.kind === "comment") {
    return `${indent}<!--${commentText(node.text)}-->\n`;
  }
  if (node.kind === "text") {
    return node.text.trim() === "" ? "" : `${indent}${escapeValue(node.text.trim())}\n`;
  }
  const attributes = node.attributes.map(({ name, value }) => ` ${name}="${escapeValue(value)}"`).join("");
  if (node.children.length === 0) {
    return `${indent}<${node.name}${attributes} />\n`;
  }
  const children = node.children.map((child) => writeNode(child, `${indent}  `)).join("");
  return `${indent}<${node.name}${attributes}>\n${children}${indent}</${node.name}>\n`;
}

/** Writes a document; the same tree always gives the same text. */
export function writeXml(document: XmlDocument): string {
  return [...document.before, document.root, ...document.after].map((node) => writeNode(node, "")).join("");
}
