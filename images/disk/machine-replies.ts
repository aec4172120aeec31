/** What the virtual machine answers: a greeting, then to each question a line of numbers, standard output and standard error. */
import { AppError } from "../../base/errors.ts";

export interface MachineAnswer {
  readonly code: number;
  /** One character per byte. */
  readonly output: string;
  readonly said: string;
}

/** Answers are lists and small files; the tree comes by another way. */
const limit = 64 * 1024 * 1024;
const lineLimit = 64;

export class Replies {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async greeting(): Promise<void> {
    const line = await this.#line();
    if (line !== "ingot-machine") {
      throw new AppError("hostile", `it greeted with '${line}'`);
    }
  }

  async answer(): Promise<MachineAnswer> {
    const line = await this.#line();
    const [, code, output, said] = /^(\d{1,3}) (\d{1,9}) (\d{1,9})$/.exec(line) ?? [];
    if (code === undefined || Number(output) + Number(said) > limit) {
      throw new AppError("hostile", `it answered '${line}'`);
    }
    return {
      code: Number(code),
      output: (await this.#bytes(Number(output))).toString("latin1"),
      said: (await this.#bytes(Number(said))).toString("latin1").trim(),
    };
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#held.indexOf(10);
      if (end >= 0) {
        return (await this.#bytes(end + 1)).toString("latin1", 0, end);
      }
      if (this.#held.length > lineLimit) {
        throw new AppError("hostile", "its answer is no line");
      }
      await this.#more();
    }
  }

  async #bytes(count: number): Promise<Buffer> {
    const parts = [this.#held];
    let length = this.#held.length;
    this.#held = Buffer.alloc(0);
    while (length < count) {
      await this.#more();
      parts.push(this.#held);
      length += this.#held.length;
      this.#held = Buffer.alloc(0);
    }
    const all = Buffer.concat(parts);
    this.#held = all.subarray(count);
    return all.subarray(0, count);
  }

  async #more(): Promise<void> {
    const step = await this.#source.next();
    if (step.done === true) {
      throw new AppError("io", "it went off");
    }
    this.#held = this.#held.length === 0 ? Buffer.from(step.value) : Buffer.concat([this.#held, step.value]);
  }
}
