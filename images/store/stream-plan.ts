/**
 * How a version is streamed: which runs of frames are copied out of its packs as they are, and which entries are written
 * anew after them. A frame is copied where each of its members is an entry of the version, or is one that an entry which
 * comes later takes the place of, and where not too much of it is of the latter kind.
 */
import type { RelPath } from "../../base/path-bytes.ts";
import type { ExtendedAttributes, FileEntryHardlink } from "../entry.ts";
import type { Place, StoredEntry } from "./entry-line.ts";
import type { PackIndex } from "./pack-index.ts";

/** Frames that belong together: they begin and end with a member. */
export interface FrameRun {
  /** Number of the pack in the manifest. */
  readonly pack: number;
  readonly firstFrame: number;
  /** The frame after the last. */
  readonly endFrame: number;
  readonly firstMember: number;
  readonly endMember: number;
}

export interface StreamPlan {
  readonly copied: readonly FrameRun[];
  /** True where the copied frames are all of all packs, and so are the whole version. */
  readonly complete: boolean;
  /** True for entries that the copied frames hold. */
  holds(stored: StoredEntry): boolean;
}

const live = 1;
const superseded = 2;
/** At most this part of a copied run is overwritten again while it is unpacked. */
const maxWaste = 0.25;

/** Collects what the plan needs to know of a version's entries, in one pass over them and, where there are hard links, another. */
export class StreamPlanner {
  readonly #indexes: readonly PackIndex[];
  readonly #states: readonly Uint8Array[];
  readonly #links: { readonly place: Place; readonly target: RelPath }[] = [];
  readonly #targets = new Map<RelPath, Place | undefined>();
  /** Members that are directories with a default ACL: see {@link plan}. */
  readonly #inherited = new Set<string>();
  #elsewhere = 0;

  constructor(indexes: readonly PackIndex[]) {
    this.#indexes = indexes;
    this.#states = indexes.map((index) => new Uint8Array(index.members));
  }

  /** First pass: every entry. */
  add(stored: StoredEntry): void {
    const { entry, place, over } = stored;
    for (const member of over) {
      const states = this.#states[member.pack];
      if (states !== undefined && states[member.member] === 0) {
        states[member.member] = superseded;
      }
    }
    if (entry.kind === "directory" && hasDefaultAcl(entry.extended)) {
      for (const member of place === undefined ? over : [...over, place]) {
        this.#inherited.add(keyOf(member));
      }
    }
    if (place?.whole !== true) {
      this.#elsewhere += entry.kind === "socket" ? 0 : 1;
      return;
    }
    const states = this.#states[place.pack];
    if (states !== undefined) {
      states[place.member] = live;
    }
    if (entry.kind === "hardlink") {
      this.#addLink(entry, place);
    }
  }

  /** True where {@link addTarget} must see every entry, too. */
  get needsTargets(): boolean {
    return this.#links.length > 0;
  }

  /** Second pass: every entry. */
  addTarget(stored: StoredEntry): void {
    if (this.#targets.has(stored.entry.path)) {
      this.#targets.set(stored.entry.path, stored.place);
    }
  }

  /**
   * A directory's default ACL is inherited by what is made in it from then on. Tar sets it when it leaves the directory, so one
   * archive in order is safe; where more comes after a directory, the directory must not be among what is copied.
   */
  plan(): StreamPlan {
    const plan = this.#select(new Set());
    return plan.complete && this.#indexes.length === 1 ? plan : this.#select(this.#inherited);
  }

  #select(heldBack: ReadonlySet<string>): StreamPlan {
    const linksByMember = new Map(this.#links.map((link) => [keyOf(link.place), link.target]));
    const copiedMembers = this.#indexes.map((index) => new Uint8Array(index.members));
    const copied: FrameRun[] = [];
    let all = true;
    for (const [pack, index] of this.#indexes.entries()) {
      for (const run of frameRuns(index, pack)) {
        if (this.#isCopied(run, { linksByMember, copiedMembers, heldBack })) {
          copied.push(run);
          copiedMembers[pack]?.fill(1, run.firstMember, run.endMember);
        } else {
          all = false;
        }
      }
    }
    return {
      copied,
      complete: all && this.#elsewhere === 0,
      holds: ({ place }) => place?.whole === true && copiedMembers[place.pack]?.[place.member] === 1,
    };
  }

  #addLink(entry: FileEntryHardlink, place: Place): void {
    this.#links.push({ place, target: entry.target });
    this.#targets.set(entry.target, undefined);
  }

  #isCopied(
    run: FrameRun,
    known: {
      readonly linksByMember: ReadonlyMap<string, RelPath>;
      readonly copiedMembers: readonly Uint8Array[];
      readonly heldBack: ReadonlySet<string>;
    },
  ): boolean {
    const states = this.#states[run.pack] as Uint8Array;
    const { memberRaw } = this.#indexes[run.pack] as PackIndex;
    let wasted = 0;
    for (let member = run.firstMember; member < run.endMember; member++) {
      if (known.heldBack.size > 0 && known.heldBack.has(keyOf({ pack: run.pack, member }))) {
        return false;
      }
      if (states[member] === superseded) {
        wasted += (memberRaw[member + 1] as number) - (memberRaw[member] as number);
      } else if (states[member] !== live || !this.#targetIsThere(run, { ...known, member })) {
        return false;
      }
    }
    const bytes = (memberRaw[run.endMember] as number) - (memberRaw[run.firstMember] as number);
    return wasted <= bytes * maxWaste;
  }

  /** True for all but hard links whose target is not written before them. */
  #targetIsThere(
    run: FrameRun,
    known: {
      readonly linksByMember: ReadonlyMap<string, RelPath>;
      readonly copiedMembers: readonly Uint8Array[];
      readonly member: number;
    },
  ): boolean {
    if (known.linksByMember.size === 0) {
      return true;
    }
    const target = known.linksByMember.get(keyOf({ pack: run.pack, member: known.member }));
    if (target === undefined) {
      return true;
    }
    const place = this.#targets.get(target);
    if (place?.whole !== true) {
      return false;
    }
    const sameRun = place.pack === run.pack && place.member >= run.firstMember && place.member < known.member;
    return sameRun || known.copiedMembers[place.pack]?.[place.member] === 1;
  }
}

/** The runs of a pack: a frame that begins with a member, and those after it that do not. */
export function frameRuns(index: PackIndex, pack: number): readonly FrameRun[] {
  const runs: FrameRun[] = [];
  let member = 0;
  let frame = 0;
  while (frame < index.frames) {
    const firstFrame = frame;
    const firstMember = member;
    do {
      frame += 1;
      const end = index.frameRaw[frame] as number;
      while (member < index.members && (index.memberRaw[member + 1] as number) <= end) {
        member += 1;
      }
    } while (frame < index.frames && index.memberRaw[member] !== index.frameRaw[frame]);
    runs.push({ pack, firstFrame, endFrame: frame, firstMember, endMember: member });
  }
  return runs;
}

function hasDefaultAcl(extended: ExtendedAttributes | undefined): boolean {
  return (
    extended?.some(
      ([key]) => key === "SCHILY.xattr.system.posix_acl_default" || key === "SCHILY.acl.default",
    ) === true
  );
}

function keyOf(place: { readonly pack: number; readonly member: number }): string {
  return `${place.pack}:${place.member}`;
}
