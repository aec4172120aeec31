/**
 * Fetches a file by TFTP as a machine's firmware would, with an implementation that is not ours: what `ingot doctor` trusts when
 * it says that the first loader can be had. docs/decisions/0011-tftp-package.md says why only the client is used.
 */
import { createHash } from "node:crypto";
import { createClient } from "tftp";
import { AppError } from "../../base/errors.ts";

export interface TftpProbe {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** More bytes than this are too many for a first loader. */
  readonly limit: number;
  readonly blockSize?: number;
  readonly windowSize?: number;
  readonly signal?: AbortSignal;
}

export interface TftpProbeResult {
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Fetches and digests; rejects `unreachable` where the file cannot be had, `hostile` over the limit. */
export function probeTftp(probe: TftpProbe): Promise<TftpProbeResult> {
  const place = `tftp://${probe.host}:${probe.port}/${probe.name}`;
  if (probe.signal?.aborted === true) {
    return Promise.reject(new AppError("cancelled", `Stopped fetching ${place}`));
  }
  const client = createClient({
    ...{ host: probe.host, port: probe.port, retries: 3, timeout: 1000 },
    ...(probe.blockSize === undefined ? {} : { blockSize: probe.blockSize }),
    ...(probe.windowSize === undefined ? {} : { windowSize: probe.windowSize }),
  });
  return new Promise((resolve, reject) => {
    const digest = createHash("sha256");
    let bytes = 0;
    let failure: AppError | undefined;
    const stream = client.createGetStream(probe.name);
    const abort = (): void => stop(new AppError("cancelled", `Stopped fetching ${place}`));
    function stop(error: AppError): void {
      failure ??= error;
      probe.signal?.removeEventListener("abort", abort);
      endStream();
      reject(failure);
    }
    /** Ends the package's transfer, which reports that as an error event. Before its socket is open it throws instead. */
    function endStream(): void {
      try {
        stream.abort("Stopped");
      } catch {
        stream.once("data", endStream);
      }
    }
    stream.on("data", (chunk: Uint8Array) => {
      bytes += chunk.length;
      digest.update(chunk);
      if (bytes > probe.limit && failure === undefined) {
        stop(new AppError("hostile", `Too much data: ${place} is over ${probe.limit} bytes`));
      }
    });
    stream.on("error", (cause: Error) => {
      probe.signal?.removeEventListener("abort", abort);
      reject(
        failure ??
          new AppError("unreachable", `Cannot fetch ${place}: ${cause.message}`, {
            cause,
            hint: "Check that the TFTP server runs there and that no firewall drops UDP from its high ports.",
          }),
      );
    });
    stream.on("end", () => {
      probe.signal?.removeEventListener("abort", abort);
      resolve({ bytes, sha256: digest.digest("hex") });
    });
    probe.signal?.addEventListener("abort", abort, { once: true });
  });
}
