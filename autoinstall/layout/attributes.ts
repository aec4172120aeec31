/** Reads an element's attributes one by one, and keeps account of those that nobody asked for. */
import type { XmlElement } from "../xml.ts";
import { type Diagnostic, diagnose } from "./diagnostic.ts";
import type { Annotated, Attribute } from "./model.ts";

export class AttributeReader {
  readonly element: XmlElement;
  readonly #comments: readonly string[];
  readonly #diagnostics: Diagnostic[];
  readonly #read = new Set<string>();

  constructor(source: {
    readonly element: XmlElement;
    readonly comments: readonly string[];
    /** Where complaints are added. */
    readonly diagnostics: Diagnostic[];
  }) {
    this.element = source.element;
    this.#comments = source.comments;
    this.#diagnostics = source.diagnostics;
  }

  optional(name: string): string | undefined {
    this.#read.add(name);
    return this.element.attributes.find((attribute) => attribute.name === name)?.value;
  }

  /** The value, or `""` with a complaint. */
  required(name: string): string {
    const value = this.optional(name)?.trim() ?? "";
    if (value === "") {
      const message = `<${this.element.name}> needs ${name}="…"`;
      this.#complain("attribute-missing", name, message);
    }
    return value;
  }

  /** A number of 0 or more. */
  count(name: string): number | undefined {
    const value = this.optional(name)?.trim();
    if (value === undefined || value === "") {
      return undefined;
    }
    if (!/^\d{1,9}$/.test(value)) {
      this.#complain(
        "attribute-invalid",
        name,
        `${name}="${value}" of <${this.element.name}> is not a whole number`,
      );
      return undefined;
    }
    return Number(value);
  }

  /** A required number of 1 or more. */
  positive(name: string): number | undefined {
    this.required(name);
    const value = this.count(name);
    return value === 0 ? undefined : value;
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const value = this.optional(name)?.trim();
    if (value === undefined || value === "") {
      return undefined;
    }
    const found = values.find((known) => known === value.toLowerCase());
    if (found === undefined) {
      const message = `${name}="${value}" of <${this.element.name}> is none of ${values.join(", ")}`;
      this.#complain("attribute-invalid", name, message);
    }
    return found;
  }

  /** Those of `names` that are there, in the file's order. */
  settings(names: readonly string[]): readonly Attribute[] {
    for (const name of names) {
      this.#read.add(name);
    }
    return this.element.attributes
      .filter(({ name }) => names.includes(name))
      .map(({ name, value }) => [name, value] as const);
  }

  /** Comments, position and the attributes that were not read, which are complained about. */
  finish(): Annotated {
    const extra = this.element.attributes.filter(({ name }) => !this.#read.has(name));
    for (const { name } of extra) {
      const message = `Attribute ${name} of <${this.element.name}> is not known; it is kept and has no effect`;
      this.#complain("attribute-unknown", name, message);
    }
    return {
      comments: [...this.#comments],
      extra: extra.map(({ name, value }) => [name, value] as const),
      ...(this.element.at === undefined ? {} : { at: this.element.at }),
    };
  }

  #complain(
    code: "attribute-missing" | "attribute-invalid" | "attribute-unknown",
    name: string,
    message: string,
  ): void {
    const attribute = this.element.attributes.find((one) => one.name === name);
    const at = attribute?.at ?? this.element.at;
    this.#diagnostics.push(diagnose(code, message, { subject: `${this.element.name}@${name}`, at }));
  }
}
