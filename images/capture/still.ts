/**
 * Whether what was read held still meanwhile. Any change of a file moves its ctime, also one that sets the mtime back afterwards; so a file
 * is good whose ctime is after the reading what it was before, and which was not changed so shortly before that the next change
 * would have got the same time. Asked of a whole pass by a second listing, and of single files around the reading of each.
 */
import { toLatin1 } from "../../base/bytes.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { Clock } from "../../base/ports.ts";
import { trustedShell } from "../../base/posix-quote.ts";
import type { Timestamp } from "../entry.ts";
import { visitRemote } from "../remote/list.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import { clockSlack, seenWord } from "./history.ts";
import type { PassInput } from "./pass.ts";
import { listerOf, listsNewer } from "./tool-limits.ts";

/** A stretch of the client's time, in seconds. */
export interface Stretch {
  readonly from: number;
  readonly until: number;
}

export interface Moved {
  /** Changed since they were listed, or just before: what was read of them cannot be trusted. */
  readonly unsure: ReadonlySet<RelPath>;
  /** Changed or came since they were listed; the directory of what went is among them. */
  readonly moved: readonly RelPath[];
}

/** The client's clock in seconds, with a fraction where its date can show one. */
export async function clientTime(input: Pick<PassInput, "session" | "signal">): Promise<number> {
  const { session, signal } = input;
  const { stdout } = await session.run(trustedShell("date +%s.%N"), signal === undefined ? {} : { signal });
  return Number.parseFloat(toLatin1(stdout));
}

/** The stretch from a moment on the client until now. */
export function stretchFrom(begun: number, clock: Clock): () => Stretch {
  const started = clock.now();
  return () => ({ from: begun, until: begun + (clock.now() - started) / 1000 + uncertainty(begun) });
}

/** A date that shows no fractions was up to a second later. */
function uncertainty(moment: number): number {
  return Number.isInteger(moment) ? 1 : 0;
}

/** Kernels stamp changes with the time of their last tick, some filesystems with the second. */
const tick = { fine: 0.02, coarse: 1.02 };

/** Whether a change within the stretch may have got this ctime, too. */
export function isRecent(ctime: Timestamp, stretch: Stretch): boolean {
  const slack = ctime.nanoseconds === 0 ? tick.coarse : tick.fine;
  const at = ctime.seconds + ctime.nanoseconds / 1e9;
  return at > stretch.from - slack && at < stretch.until + slack;
}

/** Lists again what changed since the pass began. */
export async function movedSince(
  input: PassInput,
  pass: { readonly listed: EntryTable; readonly stretch: Stretch },
): Promise<Moved> {
  const { session, plan, selection, tools, signal } = input;
  const { listed, stretch } = pass;
  const newer = listsNewer(tools) ? { newerThan: Math.floor(stretch.from) - clockSlack } : {};
  const unsure = new Set<RelPath>();
  const moved: RelPath[] = [];
  await visitRemote(session, {
    root: plan.root,
    prune: plan.prune,
    ...listerOf(tools),
    ...newer,
    wanted: (path, directory) => !selection.excludes(path, directory),
    ...(signal === undefined ? {} : { signal }),
    onEntry: (now) => {
      const { path } = now.entry;
      const before = listed.find(path);
      if (before === undefined || seenWord(before) !== seenWord(now)) {
        moved.push(path);
        unsure.add(path);
      } else if (isRecent(now.ctime, stretch)) {
        unsure.add(path);
      }
    },
  });
  return { unsure, moved };
}

const mark = "\x1e";

/** Takes the lines that a tar which guards each file leaves out of its standard error: what else was said, and whether each file held still. */
export function readGuards(stderr: string): { readonly said: string; readonly still: readonly boolean[] } {
  const still: boolean[] = [];
  const said = stderr.split("\n").filter((line) => {
    if (!line.startsWith(mark)) {
      return true;
    }
    const [before = "", now = "", after = ""] = line.slice(1).split("|");
    const ctime = guardedTime(before);
    const moment = Number.parseFloat(now);
    const held = ctime !== undefined && before === after && Number.isFinite(moment);
    still.push(held && !isRecent(ctime, { from: moment, until: moment + uncertainty(moment) }));
    return false;
  });
  return { said: said.join("\n"), still };
}

/** Of find: `SECONDS.FRACTION INODE`; of busybox's stat: `SECONDS DATE TIME.FRACTION ZONE INODE`. */
function guardedTime(words: string): Timestamp | undefined {
  const found = /^(-?\d+)(?:\.(\d+))? (?:\S+ \d\d:\d\d:\d\d(?:\.(\d+))? \S+ )?\d+$/.exec(words);
  return found === null
    ? undefined
    : {
        seconds: Number(found[1]),
        nanoseconds: Number((found[2] ?? found[3] ?? "").slice(0, 9).padEnd(9, "0")),
      };
}
