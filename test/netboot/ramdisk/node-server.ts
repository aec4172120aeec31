/** The server's side of an install as far as the ramdisk sees it, on the loopback, recording what it is sent. */
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface NodeServerOptions {
  /** For the certificate made for this server. */
  readonly directory: string;
  readonly token: string;
  readonly script: string;
  readonly authorizedKeys?: string;
  /** Bodies of further GET paths. */
  readonly files?: Readonly<Record<string, Buffer>>;
  /** How many requests for the script are answered 503 before it is handed out. */
  readonly busy?: number;
}

export interface NodeServer {
  readonly port: number;
  readonly pin: string;
  /** Every request that came with the right token, in order: `POST /node/report BODY`; logs are kept apart. */
  readonly requests: readonly string[];
  readonly log: () => string;
  /** Requests without the right token. */
  readonly refused: () => number;
  readonly waitFor: (pattern: RegExp, timeout: number) => Promise<string>;
  readonly close: () => Promise<void>;
}

export async function startNodeServer(options: NodeServerOptions): Promise<NodeServer> {
  const key = join(options.directory, "key.pem");
  const cert = join(options.directory, "cert.pem");
  const request = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "1",
  ];
  execFileSync("openssl", [...request, "-subj", "/CN=elsewhere", "-keyout", key, "-out", cert], {
    stdio: "ignore",
  });
  const spki = new X509Certificate(readFileSync(cert)).publicKey.export({ type: "spki", format: "der" });
  const requests: string[] = [];
  const log: Buffer[] = [];
  let refused = 0;
  let busy = options.busy ?? 0;
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const path = request.url ?? "";
      if (request.headers.authorization !== `Bearer ${options.token}`) {
        refused += 1;
        response.writeHead(401).end();
        return;
      }
      if (path === "/node/log") {
        log.push(body);
      } else {
        requests.push(`${request.method} ${path} ${body.toString("utf8")}`.trim());
      }
      if (path === "/node/script" && busy > 0) {
        busy -= 1;
        response.writeHead(503).end("starting");
        return;
      }
      const files: Record<string, string | Buffer | undefined> = {
        "/node/script": options.script,
        "/node/authorized-keys": options.authorizedKeys,
        ...options.files,
      };
      const answer = request.method === "POST" ? "" : files[path];
      response.writeHead(answer === undefined ? 404 : answer === "" ? 204 : 200).end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  async function waitFor(pattern: RegExp, timeout: number): Promise<string> {
    for (const end = Date.now() + timeout; Date.now() < end; ) {
      const found = requests.find((one) => pattern.test(one));
      if (found !== undefined) {
        return found;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`No request matches ${pattern}; there were:\n${requests.join("\n")}`);
  }
  return {
    port: (server.address() as AddressInfo).port,
    pin: `sha256//${createHash("sha256").update(spki).digest("base64")}`,
    requests,
    log: () => Buffer.concat(log).toString("utf8"),
    refused: () => refused,
    waitFor,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
