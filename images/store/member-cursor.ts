/** A tar stream member by member, pulled. */

import type { FileEntry } from "../entry.ts";
import type { TarEvent } from "../tar/events.ts";
import type { IncomingContent } from "./packer.ts";

export interface IncomingMember extends IncomingContent {
  readonly entry: FileEntry;
}

export class MemberCursor {
  readonly #batches: AsyncIterator<readonly TarEvent[]>;
  #batch: readonly TarEvent[] = [];
  #at = 0;

  constructor(batches: AsyncIterable<readonly TarEvent[]>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  /** The next member; what of the last one's data was not taken is passed over. */
  async next(): Promise<IncomingMember | undefined> {
    for (;;) {
      const event = await this.#event();
      if (event === undefined) {
        return undefined;
      }
      if (event.kind === "entry") {
        return {
          entry: event.entry,
          dataLength: event.dataLength,
          data: this.#dataAtHand() ?? this.#data(),
          ...(event.sparse === undefined ? {} : { sparse: event.sparse }),
        };
      }
    }
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }

  /** The member's data where all of it has come already, as that of nearly every file has. */
  #dataAtHand(): readonly Uint8Array[] | undefined {
    const data: Uint8Array[] = [];
    for (let at = this.#at; at < this.#batch.length; at++) {
      const event = this.#batch[at];
      if (event?.kind !== "data") {
        this.#at = at;
        return data;
      }
      data.push(event.bytes);
    }
    return undefined;
  }

  async *#data(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const event = await this.#event();
      if (event?.kind !== "data") {
        return;
      }
      yield event.bytes;
    }
  }

  async #event(): Promise<TarEvent | undefined> {
    while (this.#at >= this.#batch.length) {
      const next = await this.#batches.next();
      if (next.done === true) {
        return undefined;
      }
      this.#batch = next.value;
      this.#at = 0;
    }
    const event = this.#batch[this.#at];
    this.#at += 1;
    return event;
  }
}
