import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { type EntryTable, EntryTableBuilder } from "../../images/sync/entry-table.ts";
import { ListingDecoder } from "../../images/sync/listing.ts";
import { planTables } from "../../images/sync/plan-tables.ts";

const entries = 1_000_000;
const inDirectory = 12;
const bound = 300 * 1024 * 1024;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes that are held after everything has been collected that can be. */
function held(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** find's output for a tree like a Debian system's: directories of a dozen entries, names of some 20 characters, four levels deep. */
function* listing(changed: number): Generator<string> {
  yield "d 755 0 0 4096 8 1700000000.1234567890 1700000000.1234567890 2049:2 20\0\0\0";
  for (let i = 0; i < entries / inDirectory; i++) {
    const top = `share-${i % 100}`;
    const middle = `${top}/package-${i % 10_000}`;
    const directory = `${middle}/directory-${i}`;
    const made = [...(i < 100 ? [top] : []), ...(i < 10_000 ? [middle] : []), directory];
    for (const path of made) {
      yield `d 755 0 0 4096 8 1700000000.1234567890 1700000000.1234567890 2049:${1e7 + i} 2\0\0${path}\0`;
    }
    for (let j = 1; j < inDirectory; j++) {
      const number = i * inDirectory + j;
      const time = `17000${String(number + (number % 100 < changed ? 1 : 0)).padStart(5, "0")}.${number}0`;
      yield `f 644 0 0 ${number} 8 ${time} ${time} 2049:${number} 1\0\0${directory}/a-file-called-${number}\0`;
    }
  }
}

function tableOf(changed: number): EntryTable {
  const decoder = new ListingDecoder();
  const builder = new EntryTableBuilder();
  let text = "";
  const flush = () => {
    const decoded = decoder.write(Buffer.from(text, "latin1"));
    text = "";
    for (const listed of decoded.ok ? decoded.value : []) {
      builder.add(listed);
    }
  };
  for (const record of listing(changed)) {
    text += record;
    if (text.length > 65_536) {
      flush();
    }
  }
  flush();
  const table = builder.finish();
  if (!table.ok) {
    throw new Error(table.error.message);
  }
  return table.value;
}

test("a million entries on both sides, and a plan that writes all of them, are held in under 300 MB", () => {
  const before = held();

  const source = tableOf(0);
  const afterOne = held() - before;
  const target = tableOf(100);
  const actions = planTables({
    source: { table: source },
    target: { table: target },
    options: { deleteExtraneous: true },
  });
  const all = held() - before;

  console.info(
    `one listing ${Math.round(afterOne / 1e6)} MB, two and the plan of ${actions.length} actions ${Math.round(all / 1e6)} MB, resident ${Math.round(process.memoryUsage.rss() / 1e6)} MB`,
  );
  expect(source.length).toBeGreaterThan(entries);
  expect(actions.length).toBeGreaterThan(entries * 0.9);
  expect(all).toBeLessThan(bound);
  expect(actions.at(actions.length - 1).kind).toBe("write");
});
