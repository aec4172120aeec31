/** Listings of made-up trees like a Debian system's: directories of a dozen entries, names of some 20 characters, four levels deep. */
import { type EntryTable, EntryTableBuilder } from "../../images/sync/entry-table.ts";
import { ListingDecoder } from "../../images/sync/listing.ts";

const inDirectory = 12;

/** find's output; of each hundred files `changed` have another time. */
function* listing(entries: number, changed: number): Generator<string> {
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

export function madeTable(entries: number, changed: number): EntryTable {
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
  for (const record of listing(entries, changed)) {
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
