import { describe, expect, it } from "vitest";
import {
  type Effect,
  negotiate,
  startTransfer,
  stepTransfer,
  type TransferEvent,
  type TransferOptions,
} from "../../../netboot/tftp/transfer.ts";

const limits = { maxBlockSize: 1468, maxWindowSize: 64 };

/** A trace: `oack`, `data 1-4`, `wait 500`, `done`, `failed`. */
function show(effects: readonly Effect[]): readonly string[] {
  return effects.map((effect) => {
    switch (effect.kind) {
      case "send-oack":
        return "oack";
      case "send-data":
        return effect.count === 1
          ? `data ${effect.first}`
          : `data ${effect.first}-${effect.first + effect.count - 1}`;
      case "wait":
        return `wait ${effect.time}`;
      default:
        return effect.kind;
    }
  });
}

function trace(
  options: TransferOptions,
  size: number,
  events: readonly (number | "timeout" | "error")[],
): string[] {
  let step = startTransfer(options, size);
  const lines = [show(step.effects).join(", ")];
  for (const event of events) {
    const parsed: TransferEvent =
      event === "timeout"
        ? { kind: "timeout" }
        : event === "error"
          ? { kind: "error", code: 0, message: "no more" }
          : { kind: "ack", block: event };
    step = stepTransfer(step.state, parsed);
    lines.push(`${event}: ${show(step.effects).join(", ")}`);
  }
  return lines;
}

function options(offered: Readonly<Record<string, string>>, size = 0): TransferOptions {
  return negotiate(new Map(Object.entries(offered)), { size, limits });
}

describe("negotiate()", () => {
  const cases: readonly (readonly [string, Record<string, string>, Record<string, string>])[] = [
    ["nothing offered", {}, {}],
    ["a block size", { blksize: "1428" }, { blksize: "1428" }],
    ["a block size over the limit is lowered", { blksize: "65464" }, { blksize: "1468" }],
    ["a block size that no RFC allows is left out", { blksize: "7" }, {}],
    ["a block size that is no number is left out", { blksize: "1k" }, {}],
    ["the size of the file", { tsize: "0" }, { tsize: "5000" }],
    ["a window over the limit is lowered", { windowsize: "65535" }, { windowsize: "64" }],
    ["a window of none is left out", { windowsize: "0" }, {}],
    ["a timeout", { timeout: "3" }, { timeout: "3" }],
    ["a timeout out of range is left out", { timeout: "256" }, {}],
    ["unknown options are left out", { multicast: "", blksize: "512" }, { blksize: "512" }],
  ];
  it.each(cases)("%s", (_, offered, accepted) => {
    expect(Object.fromEntries(options(offered, 5000).accepted)).toEqual(accepted);
  });
});

describe("stepTransfer()", () => {
  const cases: readonly {
    readonly name: string;
    readonly offered: Record<string, string>;
    readonly size: number;
    readonly events: readonly (number | "timeout" | "error")[];
    readonly trace: readonly string[];
  }[] = [
    {
      name: "sends block after block in lockstep",
      ...{ offered: {}, size: 1100, events: [1, 2, 3] },
      trace: ["data 1, wait 500", "1: data 2, wait 500", "2: data 3, wait 500", "3: done"],
    },
    {
      name: "ends a file of full blocks with an empty one",
      ...{ offered: {}, size: 512, events: [1, 2] },
      trace: ["data 1, wait 500", "1: data 2, wait 500", "2: done"],
    },
    {
      name: "sends an empty file as one empty block",
      ...{ offered: {}, size: 0, events: [1] },
      trace: ["data 1, wait 500", "1: done"],
    },
    {
      name: "waits for ACK 0 after an OACK and repeats that",
      ...{ offered: { tsize: "0" }, size: 10, events: ["timeout", 5, 0, 1] },
      trace: ["oack, wait 500", "timeout: oack, wait 1000", "5: ", "0: data 1, wait 500", "1: done"],
    },
    {
      name: "sends nothing for a repeated ACK in lockstep",
      ...{ offered: {}, size: 5000, events: [1, 1, 1, 2, 1] },
      trace: ["data 1, wait 500", "1: data 2, wait 500", "1: ", "1: ", "2: data 3, wait 500", "1: "],
    },
    {
      name: "backs off from timeout to timeout and starts anew when the client moves",
      ...{ offered: {}, size: 5000, events: ["timeout", "timeout", "timeout", 1] },
      trace: [
        "data 1, wait 500",
        "timeout: data 1, wait 1000",
        "timeout: data 1, wait 2000",
        "timeout: data 1, wait 4000",
        "1: data 2, wait 500",
      ],
    },
    {
      name: "keeps to the interval that the client asked for",
      ...{ offered: { timeout: "2" }, size: 10, events: [0, "timeout"] },
      trace: ["oack, wait 2000", "0: data 1, wait 2000", "timeout: data 1, wait 2000"],
    },
    {
      name: "gives up after eight timeouts running",
      ...{ offered: {}, size: 10, events: Array.from({ length: 9 }, () => "timeout" as const) },
      trace: [
        "data 1, wait 500",
        ...[1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000].map((time) => `timeout: data 1, wait ${time}`),
        "timeout: failed",
      ],
    },
    {
      name: "sends windows, and from the first missing block where one is acknowledged in part",
      ...{ offered: { windowsize: "4" }, size: 512 * 9, events: [0, 4, 6, 10] },
      trace: [
        "oack, wait 500",
        "0: data 1-4, wait 500",
        "4: data 5-8, wait 500",
        "6: data 7-10, wait 500",
        "10: done",
      ],
    },
    {
      name: "takes a late ACK of a block beyond a repeated window",
      ...{ offered: { windowsize: "4" }, size: 512 * 20, events: [0, 2, 4] },
      trace: ["oack, wait 500", "0: data 1-4, wait 500", "2: data 3-6, wait 500", "4: data 5-8, wait 500"],
    },
    {
      name: "sends a window again at once for a repeated ACK, but not two windows running",
      ...{ offered: { windowsize: "4" }, size: 512 * 40, events: [0, 4, 4, 4, 8, 8, 12, 12, 16, 20, 20] },
      trace: [
        "oack, wait 500",
        "0: data 1-4, wait 500",
        "4: data 5-8, wait 500",
        "4: data 5-8, wait 500",
        "4: ",
        "8: data 9-12, wait 500",
        "8: ",
        "12: data 13-16, wait 500",
        "12: ",
        "16: data 17-20, wait 500",
        "20: data 21-24, wait 500",
        "20: data 21-24, wait 500",
      ],
    },
    {
      name: "ignores ACKs of blocks that were never sent",
      ...{ offered: {}, size: 5000, events: [2, 65_535, 9] },
      trace: ["data 1, wait 500", "2: ", "65535: ", "9: "],
    },
    {
      name: "ends at the client's error and stays so",
      ...{ offered: {}, size: 5000, events: ["error", 1, "timeout"] },
      trace: ["data 1, wait 500", "error: failed", "1: ", "timeout: "],
    },
  ];
  it.each(cases)("$name", ({ offered, size, events, trace: expected }) => {
    expect(trace(options(offered, size), size, events)).toEqual(expected);
  });

  it("goes on past block 65535 by wrapping to 0", () => {
    const size = 8 * 70_000;
    let step = startTransfer({ ...options({ blksize: "8" }), accepted: new Map() }, size);

    const wrong: string[] = [];
    for (let block = 1; block <= 70_001; block++) {
      const shown = show(step.effects)[0] ?? "nothing";
      if (shown !== `data ${block}`) {
        wrong.push(`${shown} in place of ${block}`);
      }
      step = stepTransfer(step.state, { kind: "ack", block: block & 0xffff });
    }

    expect(wrong).toEqual([]);
    expect(show(step.effects)).toEqual(["done"]);
  });
});
