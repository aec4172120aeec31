/** Reads the extended attributes of entries of a machine's tree, which a listing does not show. */
import { toLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import { sh } from "../../base/posix-quote.ts";
import type { ExtendedAttributes } from "../entry.ts";
import { memberNames } from "../tree/tar-tool.ts";
import type { RemoteSession } from "./session.ts";

interface AttributesRequest {
  /** Absolute, on the machine. */
  readonly root: string;
  readonly paths: Iterable<RelPath>;
  readonly signal?: AbortSignal;
}

/** Attributes of a whole machine are some megabytes; labels on a million files some hundred. */
const keptLimit = 512 * 1024 * 1024;

/** Attributes by path, in the words of {@link ExtendedAttributes}; paths without any, and those that could not be read, are not in it. */
export async function readAttributes(
  session: RemoteSession,
  request: AttributesRequest,
): Promise<ReadonlyMap<RelPath, ExtendedAttributes>> {
  const running = await session.exec(
    sh`cd ${request.root} && LC_ALL=C xargs -0 -r getfattr -h -d -m - -e hex -- 2>/dev/null`,
    {
      stdin: memberNames(request.paths),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    },
  );
  const parser = new AttributesParser();
  for await (const chunk of running.stdout) {
    if (!parser.write(toLatin1(chunk))) {
      throw new AppError("hostile", `The extended attributes of ${session.host} take too much room`);
    }
  }
  await running.exit;
  return parser.end();
}

const filePrefix = "# file: ";

/** Reads getfattr's output: a line `# file: NAME`, then a line `NAME=0xHEX` for each attribute, then an empty one. */
export class AttributesParser {
  readonly #found = new Map<RelPath, ExtendedAttributes>();
  #rest = "";
  #kept = 0;
  #path: RelPath | undefined;
  #attributes: (readonly [string, string])[] = [];

  /** False where there is more than there can be. */
  write(text: string): boolean {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    this.#kept += text.length;
    for (const line of lines) {
      this.#line(line);
    }
    return this.#rest.length < 1024 * 1024 && this.#kept < keptLimit;
  }

  end(): ReadonlyMap<RelPath, ExtendedAttributes> {
    this.#line(this.#rest);
    this.#close();
    return this.#found;
  }

  #line(line: string): void {
    if (line.startsWith(filePrefix)) {
      this.#close();
      const path = parseRelPath(unescapeName(line.slice(filePrefix.length)));
      this.#path = path.ok ? path.value : undefined;
      return;
    }
    const match = /^([^=]+)=0x((?:[0-9a-f]{2})*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) {
      this.#attributes.push([
        `SCHILY.xattr.${unescapeName(match[1])}`,
        Buffer.from(match[2], "hex").toString("latin1"),
      ]);
    }
  }

  #close(): void {
    if (this.#path !== undefined && this.#attributes.length > 0) {
      this.#attributes.sort(([a], [b]) => (a < b ? -1 : 1));
      this.#found.set(this.#path, this.#attributes);
    }
    this.#path = undefined;
    this.#attributes = [];
  }
}

/** getfattr writes backslash, newline and the like in names as three octal digits. */
function unescapeName(name: string): string {
  return name.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
