/**
 * Bytewise order of paths, without comparing whole paths: within a directory, an entry `a` sorts as `a`, and all that lies below
 * it as `a/`. Names hold no slash, so sorting each directory's own names with those keys gives the order of the whole.
 */
import type { EntryRows } from "./entry-rows.ts";

/** The rows in path order. Every directory that holds an entry must be a row (the root need not be). */
export function treeOrder(rows: EntryRows): Uint32Array {
  const children = childrenByDirectory(rows);
  const order = new Uint32Array(rows.length);
  let filled = 0;
  // What is still to be told, last first: a row (as it is), or all that is below a directory (as minus its number, minus one).
  const pending: number[] = [-1];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next >= 0) {
      order[filled] = next;
      filled += 1;
      continue;
    }
    const keys = keysOf(rows, children.of(-next - 1));
    for (let i = keys.length - 1; i >= 0; i--) {
      pending.push((keys[i] as Key).what);
    }
  }
  return order;
}

interface Key {
  readonly text: string;
  readonly what: number;
}

function keysOf(rows: EntryRows, children: Uint32Array): readonly Key[] {
  const keys: Key[] = [];
  for (const row of children) {
    const text = rows.nameAt(row);
    keys.push({ text, what: row });
    const directory = rows.ownDirectory(row);
    // The root is an entry of itself; it was begun with.
    if (directory !== undefined && directory !== 0) {
      keys.push({ text: `${text}/`, what: -directory - 1 });
    }
  }
  return keys.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
}

/** Rows grouped by the directory that holds them: a counting sort. */
function childrenByDirectory(rows: EntryRows): { of(directory: number): Uint32Array } {
  const starts = new Uint32Array(rows.directoryCount + 1);
  for (let row = 0; row < rows.length; row++) {
    const slot = rows.directoryOf(row) + 1;
    starts[slot] = (starts[slot] as number) + 1;
  }
  for (let i = 1; i < starts.length; i++) {
    starts[i] = (starts[i] as number) + (starts[i - 1] as number);
  }
  const fill = starts.slice();
  const grouped = new Uint32Array(rows.length);
  for (let row = 0; row < rows.length; row++) {
    const directory = rows.directoryOf(row);
    const at = fill[directory] as number;
    grouped[at] = row;
    fill[directory] = at + 1;
  }
  return { of: (directory) => grouped.subarray(starts[directory], starts[directory + 1]) };
}
