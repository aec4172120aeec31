/** What all readers of elements share: children with their comments, and elements that nobody knows. */
import type { XmlElement, XmlNode } from "../xml.ts";
import { type Diagnostic, diagnose } from "./diagnostic.ts";
import type { ForeignElement } from "./model.ts";

/** The children of an element, each with the comments before it, and the comments after the last. */
export interface Children {
  readonly items: readonly { readonly element: XmlElement; readonly comments: readonly string[] }[];
  readonly trailing: readonly string[];
}

export function splitChildren(element: XmlElement, diagnostics: Diagnostic[]): Children {
  const items: { element: XmlElement; comments: readonly string[] }[] = [];
  let comments: string[] = [];
  for (const child of element.children) {
    if (child.kind === "comment") {
      comments.push(child.text);
    } else if (child.kind === "element") {
      items.push({ element: child, comments });
      comments = [];
    } else if (child.text.trim() !== "") {
      const message = `Text '${child.text.trim().slice(0, 40)}' inside <${element.name}> is ignored and dropped on a rewrite`;
      diagnostics.push(diagnose("text-unexpected", message, { subject: element.name, at: element.at }));
    }
  }
  return { items, trailing: comments };
}

export function decodeForeign(element: XmlElement, comments: readonly string[]): ForeignElement {
  const children = splitChildren(element, []);
  return {
    comments: [...comments],
    name: element.name,
    attributes: element.attributes.map(({ name, value }) => [name, value] as const),
    children: children.items.map((item) => decodeForeign(item.element, item.comments)),
    text: element.children
      .map((node: XmlNode) => (node.kind === "text" ? node.text : ""))
      .join("")
      .trim(),
  };
}

export function unknownElement(element: XmlElement, parent: string): Diagnostic {
  const message = `Element <${element.name}> inside <${parent}> is not known; it is kept and has no effect`;
  return diagnose("element-unknown", message, { subject: element.name, at: element.at });
}

/** `dash` stands for nothing, as the old writers have it. */
export function unlessDash(value: string | undefined): string | undefined {
  return value === undefined || value === "-" || value === "" ? undefined : value;
}
