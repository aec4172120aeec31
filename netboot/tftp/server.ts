/** The TFTP service: read-only, on port 69 of the addresses it is given. Each transfer runs on a socket of its own. */
import { toAppError } from "../../base/errors.ts";
import type { Ipv4Address } from "../../base/net-types.ts";
import type { Clock, Log } from "../../base/ports.ts";
import type { DatagramSocket, DatagramSockets, Endpoint } from "../udp.ts";
import { normaliseName } from "./file-name.ts";
import type { TftpFile, TftpFileSource } from "./file-source.ts";
import { toNetascii } from "./netascii.ts";
import { decodeTftp, encodeTftp, type TftpPacket, tftpError } from "./packet.ts";
import { negotiate, type TransferLimits } from "./transfer.ts";
import { runTransfer } from "./transfer-runner.ts";
import { Watch } from "./watch.ts";

export interface TftpServerOptions {
  /** The interfaces' own addresses; each answers from itself. */
  readonly addresses: readonly Ipv4Address[];
  readonly files: TftpFileSource;
  readonly sockets: DatagramSockets;
  readonly clock: Clock;
  readonly log: Log;
  /** 69 unless told. */
  readonly port?: number;
  /** Transfers at the same time, 512 unless told; further clients are not answered and ask again. */
  readonly maxTransfers?: number;
  readonly limits?: Partial<TransferLimits>;
}

/**
 * Transfers of one address at the same time, once half of all that there may be are under way: firmware has one, a loader that fetches its
 * modules a few.
 */
const perClientLimit = 32;
/** Netascii changes lengths, so such a file is converted in memory; it is meant for text. */
const netasciiLimit = 4 << 20;
/** 1468 bytes and the headers fill an Ethernet frame: larger blocks would be cut into fragments. */
const defaultLimits: TransferLimits = { maxBlockSize: 1468, maxWindowSize: 64 };

type ReadRequest = Extract<TftpPacket, { readonly kind: "read" | "write" }>;

export class TftpServer {
  readonly #options: TftpServerOptions;
  readonly #limits: TransferLimits;
  readonly #watch: Watch;
  readonly #active = new Map<string, { readonly served: Promise<void>; readonly stop: AbortController }>();
  readonly #perClient = new Map<Ipv4Address, number>();
  #sockets: DatagramSocket[] = [];
  #counts = { malformed: 0, refused: 0, dropped: 0, done: 0, failed: 0 };

  constructor(options: TftpServerOptions) {
    this.#options = options;
    this.#watch = new Watch(options.clock);
    this.#limits = { ...defaultLimits, ...options.limits };
  }

  get activeTransfers(): number {
    return this.#active.size;
  }

  /** What became of requests since the start. */
  get counts(): Readonly<Record<"malformed" | "refused" | "dropped" | "done" | "failed", number>> {
    return { ...this.#counts };
  }

  /** Opens the ports; stops when `signal` aborts. A server is started once. */
  async start(signal?: AbortSignal): Promise<void> {
    const { addresses, sockets, log, port = 69 } = this.#options;
    try {
      for (const address of addresses) {
        const socket: DatagramSocket = await sockets.open({
          local: { address, port },
          receive: (bytes, from) => this.#receive(bytes, { from, socket }),
          failed: (error) => log.warn("A TFTP socket reported an error", { error: error.message }),
        });
        this.#sockets.push(socket);
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    signal?.addEventListener("abort", () => void this.stop(), { once: true });
    log.info("TFTP is up", { addresses: addresses.join(" ") });
  }

  /** Closes the ports, tells clients of running transfers, and waits until those have ended. Idempotent. */
  async stop(): Promise<void> {
    const open = this.#sockets;
    this.#sockets = [];
    await Promise.all(open.map((socket) => socket.close()));
    const running = [...this.#active.values()];
    for (const { stop } of running) {
      stop.abort();
    }
    await Promise.all(running.map(({ served }) => served));
  }

  #receive(bytes: Uint8Array, arrival: { readonly from: Endpoint; readonly socket: DatagramSocket }): void {
    const { from, socket } = arrival;
    const packet = decodeTftp(bytes);
    if (!packet.ok) {
      this.#counts.malformed += 1;
      this.#options.log.debug("Malformed TFTP packet", { from: from.address, reason: packet.error });
      return;
    }
    if (packet.value.kind !== "read" && packet.value.kind !== "write") {
      return; // Answering stray packets would let two servers keep each other busy.
    }
    const key = `${socket.local.address} ${from.address}:${from.port}`;
    const client = this.#perClient.get(from.address) ?? 0;
    if (this.#active.has(key)) {
      return; // The request again, since our first answer has not arrived yet: the transfer repeats it by itself.
    }
    const most = this.#options.maxTransfers ?? 512;
    if (this.#active.size >= most || (client >= perClientLimit && this.#active.size >= most / 2)) {
      this.#counts.dropped += 1;
      return;
    }
    this.#perClient.set(from.address, client + 1);
    const stop = new AbortController();
    const served = this.#serve(packet.value, { ...arrival, signal: stop.signal }).finally(() => {
      this.#active.delete(key);
      const left = (this.#perClient.get(from.address) ?? 1) - 1;
      if (left > 0) {
        this.#perClient.set(from.address, left);
      } else {
        this.#perClient.delete(from.address);
      }
    });
    this.#active.set(key, { served, stop });
  }

  async #serve(
    request: ReadRequest,
    arrival: { readonly from: Endpoint; readonly socket: DatagramSocket; readonly signal: AbortSignal },
  ): Promise<void> {
    const { from, socket, signal } = arrival;
    const { sockets, clock } = this.#options;
    const log = this.#options.log.child({ client: from.address, file: request.name.slice(0, 255) });
    const refuse = async (code: number, message: string): Promise<void> => {
      this.#counts.refused += 1;
      log.info("TFTP request refused", { reason: message });
      await socket.send(encodeTftp({ kind: "error", code, message }), from).catch(() => undefined);
    };
    const name = normaliseName(request.name);
    if (request.kind === "write") {
      return refuse(tftpError.access, "This server is read-only");
    }
    if (request.mode !== "octet" && request.mode !== "netascii") {
      return refuse(tftpError.illegal, "The mode is neither octet nor netascii");
    }
    if (!name.ok) {
      return refuse(tftpError.access, `Refused: ${name.error}`);
    }
    let file: TftpFile | undefined;
    try {
      const found = await this.#options.files.open(name.value, from);
      file = found === undefined || request.mode === "octet" ? found : await convert(found);
    } catch (error) {
      log.warn("TFTP file could not be opened", { error: toAppError(error).message });
      return refuse(tftpError.undefined, "The file could not be opened");
    }
    if (file === undefined) {
      return refuse(tftpError.notFound, "File not found");
    }
    const options = negotiate(request.options, { size: file.size, limits: this.#limits });
    const started = clock.now();
    const outcome = await runTransfer({
      ...{ file, client: from, local: socket.local.address, options, sockets, clock, log, signal },
      watch: this.#watch,
    });
    this.#counts[outcome] += 1;
    log.info(outcome === "done" ? "TFTP file sent" : "TFTP file not sent to its end", {
      bytes: file.size,
      milliseconds: clock.now() - started,
    });
  }
}

async function convert(file: TftpFile): Promise<TftpFile> {
  try {
    if (file.size > netasciiLimit) {
      throw new Error(`netascii is for text; ${file.size} bytes are over ${netasciiLimit}`);
    }
    const bytes = toNetascii(await file.read(0, file.size));
    return {
      size: bytes.length,
      read: (offset, length) => bytes.subarray(offset, offset + length),
      close: () => undefined,
    };
  } finally {
    await file.close();
  }
}
