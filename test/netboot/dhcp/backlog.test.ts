import { describe, expect, it } from "vitest";
import { Backlog } from "../../../netboot/dhcp/backlog.ts";
import { VirtualClock } from "../../fakes/network.ts";

/** Messages are numbers; those over 1000 go on with an exchange. */
function rig() {
  const clock = new VirtualClock();
  const seen = { handled: [] as number[], dropped: 0 };
  const backlog = new Backlog<number>({
    clock,
    handle: (message) => seen.handled.push(message),
    begins: (message) => message < 1_000_000,
    dropped: () => {
      seen.dropped += 1;
    },
  });
  return { clock, seen, backlog };
}

const urgent = (index: number): number => 1_000_000 + index;

describe("Backlog", () => {
  it("handles at once what comes in while nothing waits", () => {
    const { seen, backlog } = rig();

    for (let index = 0; index < 16; index++) {
      backlog.push(index);
    }

    expect(seen.handled).toEqual(Array.from({ length: 16 }, (_, index) => index));
  });

  it("then lets go first who is nearly done, in order, and of those who begin the newest", async () => {
    const { clock, seen, backlog } = rig();
    for (let index = 0; index < 40; index++) {
      backlog.push(index);
      backlog.push(urgent(index));
    }
    const first = seen.handled.length;

    await clock.run(() => seen.handled.length === 80);

    const later = seen.handled.slice(first);
    expect(first).toBe(16);
    expect(later.slice(0, 32)).toEqual(Array.from({ length: 32 }, (_, index) => urgent(index + 8)));
    expect(later.slice(32)).toEqual(Array.from({ length: 32 }, (_, index) => 39 - index));
    expect(seen.dropped).toBe(0);
  });

  it("leaves out the oldest of those who begin, over its length and after two seconds", async () => {
    const { clock, seen, backlog } = rig();
    for (let index = 0; index < 16 + 1024 + 5; index++) {
      backlog.push(index);
    }
    expect(seen.dropped).toBe(5);

    // A stall of the whole process: everything that waits has become old.
    await clock.run(() => seen.handled.length > 16, 1);
    clock.jump(3000);
    await clock.run(() => false, 100);
    backlog.push(7777);
    await clock.run(() => false, 100);

    expect(seen.handled.at(-1)).toBe(7777);
    expect(seen.handled.length + seen.dropped).toBe(16 + 1024 + 5 + 1);
    expect(seen.dropped).toBeGreaterThan(900);
  });

  it("takes no more of those who go on than it can hold", async () => {
    const { clock, seen, backlog } = rig();

    for (let index = 0; index < 16 + 1024 + 3; index++) {
      backlog.push(urgent(index));
    }
    await clock.run(() => seen.handled.length === 16 + 1024);

    expect(seen.dropped).toBe(3);
    expect(seen.handled.at(-1)).toBe(urgent(16 + 1024 - 1));
  });
});
