/** Plans a capture or an update of so many entries, of which so many in a hundred have another time, and prints how many actions it has and the most memory that this process had: `node worker KIND ENTRIES CHANGED`. */
import { readFileSync } from "node:fs";
import type { ImageName, Manifest } from "../../images/manifest.ts";
import type { PackIndex } from "../../images/store/pack-index.ts";
import { type VersionTable, VersionTableBuilder } from "../../images/store/version-table.ts";
import type { SyncAction } from "../../images/sync/actions.ts";
import { planTables } from "../../images/sync/plan-tables.ts";
import { profileRules } from "../../images/sync/profiles.ts";
import { NodeListing } from "../../images/update/node-listing.ts";
import { planUpdate } from "../../images/update/plan.ts";
import { madeTable } from "./made-listing.ts";

const [kind = "", count = "", changed = ""] = process.argv.slice(2);
const entries = Number(count);

/** A version of one pack in which every file is a member. */
function madeVersion(): VersionTable {
  const table = madeTable(entries, 0);
  const members = table.length;
  const index: PackIndex = {
    frames: 1,
    members,
    frameOffset: new Float64Array(2),
    frameRaw: new Float64Array(2),
    frameDigests: new Uint8Array(32),
    memberRaw: new Float64Array(members + 1),
    headerBlocks: new Uint32Array(members),
    headerKeys: new Uint8Array(members * 8),
    digestOrdinal: Int32Array.from({ length: members }, (_, at) => at),
    digests: new Uint8Array(members * 32).fill(7),
  };
  const version = new VersionTableBuilder({} as Manifest, [index]);
  for (let place = 0; place < members; place++) {
    version.add({
      entry: { ...table.entryAt(place), extended: [] },
      over: [],
      place: { pack: 0, member: place, whole: true },
    });
  }
  return version.finish();
}

function planned(): Iterable<SyncAction> {
  if (kind === "capture") {
    return planTables({
      source: { table: madeTable(entries, 0) },
      target: { table: madeTable(entries, Number(changed)) },
      options: { deleteExtraneous: true },
    });
  }
  return planUpdate({
    image: "web" as ImageName,
    version: 1,
    wanted: madeVersion(),
    node: new NodeListing(madeTable(entries, Number(changed))),
    rules: [...profileRules("pseudo"), ...profileRules("identity"), ...profileRules("volatile")],
    syncedAt: { seconds: 20_000_000_000, nanoseconds: 0 },
  }).actions;
}

let actions = 0;
for (const action of planned()) {
  actions += action.kind === "delete" ? 0 : 1;
}
// What getrusage tells a process inherits from the one that started it.
const most = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
console.log(JSON.stringify({ actions, rss: Number(most) * 1024 }));
