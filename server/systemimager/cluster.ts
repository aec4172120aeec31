/** SystemImager's `cluster.xml`: groups of nodes, which image and which overrides they get. */
import { parseXml, type XmlElement } from "../../autoinstall/xml.ts";
import { err, ok, type Result } from "../../base/result.ts";

export interface ClusterGroup {
  readonly name: string;
  readonly priority?: number;
  readonly image?: string;
  /** Names of override trees, as the file has them in order. */
  readonly overrides: readonly string[];
  /** Lists of names, ranges and addresses. */
  readonly nodes: readonly string[];
  /** Shell commands whose output would name nodes; `ip-range` and `domain` with their content. */
  readonly rest: readonly { readonly element: string; readonly text: string }[];
}

export interface Cluster {
  /** Overrides for all. */
  readonly overrides: readonly string[];
  /** Most important first, as SystemImager sorts them: by priority, then by name. */
  readonly groups: readonly ClusterGroup[];
}

/** Reads the file; a document that is not such a one is refused with the place. */
export function parseCluster(text: string): Result<Cluster, string> {
  const document = parseXml(text);
  if (!document.ok) {
    const { message, at } = document.error;
    return err(`line ${at.line}, column ${at.column}: ${message}`);
  }
  const { root } = document.value;
  const groups: ClusterGroup[] = [];
  for (const element of elements(root, "group")) {
    const name = texts(element, "name")[0] ?? "";
    if (name === "") {
      return err(`line ${element.at?.line ?? "?"}: a group has no name`);
    }
    const priority = Number.parseInt(texts(element, "priority")[0] ?? "", 10);
    const image = texts(element, "image")[0];
    groups.push({
      name,
      overrides: texts(element, "override"),
      nodes: texts(element, "node"),
      rest: ["dynamic_node", "ip-range", "domain"].flatMap((part) =>
        texts(element, part).map((content) => ({ element: part, text: content })),
      ),
      ...(Number.isNaN(priority) ? {} : { priority }),
      ...(image === undefined ? {} : { image }),
    });
  }
  const importance = (group: ClusterGroup) => group.priority ?? Number.MAX_SAFE_INTEGER;
  groups.sort((a, b) => importance(a) - importance(b) || (a.name < b.name ? -1 : 1));
  // Global overrides stand beside the groups, or inside of <master>.
  const top = [root, ...elements(root, "master")];
  return ok({ overrides: top.flatMap((element) => texts(element, "override")), groups });
}

function elements(of: XmlElement, name: string): readonly XmlElement[] {
  return of.children.filter(
    (child): child is XmlElement => child.kind === "element" && child.name.toLowerCase() === name,
  );
}

/** The contents of all elements of a name that have any. */
function texts(of: XmlElement, name: string): readonly string[] {
  return elements(of, name)
    .map(({ children }) =>
      children
        .map((child) => (child.kind === "text" ? child.text : ""))
        .join("")
        .trim(),
    )
    .filter((text) => text !== "");
}

/** A machine that SystemImager's monitor has seen. */
export interface SeenClient {
  readonly name: string;
  readonly mac: string;
  readonly image?: string;
}

/** `clients.xml`: `<opt><client name="MAC" host="…" os="…"/></opt>`. */
export function parseClients(text: string): Result<readonly SeenClient[], string> {
  const document = parseXml(text);
  if (!document.ok) {
    return err(`line ${document.error.at.line}: ${document.error.message}`);
  }
  const seen: SeenClient[] = [];
  for (const { attributes } of elements(document.value.root, "client")) {
    const value = (name: string) => attributes.find((attribute) => attribute.name === name)?.value ?? "";
    const mac = value("name").replaceAll(".", ":").toLowerCase();
    if (value("host") !== "" && /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)) {
      seen.push({ name: value("host"), mac, ...(value("os") === "" ? {} : { image: value("os") }) });
    }
  }
  return ok(seen);
}

/** A hosts(5) file: the first address of each name, short ones and aliases among them. */
export function parseHostsFile(text: string): ReadonlyMap<string, string> {
  const addresses = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (/^\d+\.\d+\.\d+\.\d+$/.test(address) && !address.startsWith("127.")) {
      for (const name of names) {
        addresses.set(name.toLowerCase(), addresses.get(name.toLowerCase()) ?? address);
      }
    }
  }
  return addresses;
}
