/** GNU tar at work on what was received: started when it is needed, fed through a bounded pipe, and asked how it went. */
import { AppError } from "../../base/errors.ts";
import type { LocalProcess } from "../../base/process.ts";
import { endOfArchive } from "../tar/encode.ts";
import { ByteChannel } from "./byte-channel.ts";
import { extractTar } from "./tar-tool.ts";

export interface UnpackOptions {
  /** Host path of the folder that GNU tar unpacks into. */
  readonly directory: string;
  readonly signal?: AbortSignal;
}

/** The two GNU tars: one for members with xattrs, one, twice as fast, for the rest. */
export class Unpackers {
  readonly #options: UnpackOptions;
  readonly #running = new Map<boolean, { readonly channel: ByteChannel; readonly process: LocalProcess }>();
  #plain: ByteChannel | undefined;

  constructor(options: UnpackOptions) {
    this.#options = options;
  }

  channel(extended: boolean): ByteChannel {
    if (!extended) {
      this.#plain ??= this.#start(false);
      return this.#plain;
    }
    return this.#running.get(true)?.channel ?? this.#start(true);
  }

  #start(extended: boolean): ByteChannel {
    const { directory, signal } = this.#options;
    const channel = new ByteChannel();
    const process = extractTar({
      directory,
      tar: channel,
      extended,
      ...(signal === undefined ? {} : { signal }),
    });
    this.#running.set(extended, { channel, process });
    return channel;
  }

  async drained(): Promise<void> {
    for (const { channel } of this.#running.values()) {
      if (channel.isFull) {
        await channel.drained();
      }
    }
  }

  async finish(): Promise<void> {
    for (const { channel } of this.#running.values()) {
      channel.data(endOfArchive);
      channel.end();
    }
    for (const { process } of this.#running.values()) {
      await expectUnpacked(process);
    }
  }

  /** Ends the programs and waits for them; what they say about a cut archive is of no interest. */
  async abandon(): Promise<void> {
    for (const { channel } of this.#running.values()) {
      channel.end();
    }
    for (const { process } of this.#running.values()) {
      await process.exit.catch(() => undefined);
    }
  }
}

// A write that the kernel cut short is how a full filesystem shows first.
const fullSigns = /No space left|Disk quota exceeded|Wrote only \d+ of \d+ bytes/;

/** Waits for GNU tar and turns what it says into an error. */
export async function expectUnpacked(process: LocalProcess): Promise<void> {
  for await (const _ of process.stdout) {
    // Unpacking prints nothing.
  }
  const { code, stderr } = await process.exit;
  if (code !== 0) {
    const full = fullSigns.test(stderr);
    const said = stderr.trim().split("\n");
    const first = said.find((line) => fullSigns.test(line)) ?? said[0] ?? "";
    throw new AppError(full ? "no-space" : "io", `Cannot unpack files: ${first}`, {
      ...(full ? { hint: "Free space on the filesystem that holds the tree, then run it again." } : {}),
    });
  }
}
