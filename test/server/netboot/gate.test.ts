import { describe, expect, it } from "vitest";
import { duration } from "../../../base/quantity.ts";
import { Gate, gated } from "../../../server/netboot/gate.ts";
import { VirtualClock } from "../../fakes/network.ts";

function rig(limit: number) {
  const clock = new VirtualClock();
  const gate = new Gate(limit, clock);
  const seen = { inside: 0, most: 0, begun: [] as number[], ended: 0 };
  /** A machine that takes a second for each of its file's three pieces. */
  const machine = async (index: number): Promise<void> => {
    const source = gated(
      {
        size: 3,
        etag: '"e"',
        async *read() {
          seen.begun.push(index);
          seen.inside += 1;
          seen.most = Math.max(seen.most, seen.inside);
          try {
            for (let piece = 0; piece < 3; piece++) {
              await clock.sleep(duration(1000));
              yield Uint8Array.of(piece);
            }
          } finally {
            seen.inside -= 1;
          }
        },
      },
      gate,
    );
    for await (const piece of source.read(0, 3)) {
      seen.ended += piece[0] === 2 ? 1 : 0;
    }
  };
  return { clock, gate, seen, machine };
}

describe("Gate", () => {
  it("lets five hundred machines through, never more than its limit, in the order in which they came", async () => {
    const { clock, seen, machine } = rig(64);
    const begun = clock.now();

    const all = Array.from({ length: 500 }, (_, index) => machine(index));
    await clock.run(() => seen.ended === 500);
    await Promise.all(all);

    expect(seen.most).toBe(64);
    expect(seen.begun).toEqual(Array.from({ length: 500 }, (_, index) => index));
    expect(clock.now() - begun).toBe(Math.ceil(500 / 64) * 3000);
  });

  it("gives the place of who stopped reading to the next after a minute, and not a second one when it leaves late", async () => {
    const { clock, gate, seen, machine } = rig(1);
    const leave = await gate.enter();
    const all = [machine(0), machine(1)];

    await clock.run(() => seen.begun.length === 1);
    leave();
    await clock.run(() => seen.ended === 2);
    await Promise.all(all);

    expect(seen.most).toBe(1);
  });

  it("is left by a machine that goes away in the middle", async () => {
    const { clock, gate, seen, machine } = rig(1);
    const source = gated({ size: 2, etag: '"e"', read: twoPieces }, gate);

    for await (const _ of source.read(0, 2)) {
      break;
    }
    const next = machine(0);
    await clock.run(() => seen.ended === 1, 10_000);
    await next;

    expect(seen.ended).toBe(1);
  });
});

async function* twoPieces(): AsyncGenerator<Uint8Array> {
  yield Uint8Array.of(1);
  await Promise.resolve();
  yield Uint8Array.of(2);
}
