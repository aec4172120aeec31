/** Who stores the tree `TREE`: Ingot, bare tar and zstd, and those of Debian's backup and tree stores that are installed. */
import { spawnSync } from "node:child_process";

export type StoreWork = "first commit" | "nothing changed" | "1 % changed" | "full read-out" | "one file";

export interface StorePeer {
  readonly name: string;
  /** Shell that makes an empty store at $STORE. */
  readonly init: string;
  /** Shell for each work; $N is the number of the version, $FILE a path in $TREE. Absent where it cannot do it. */
  readonly works: Partial<Readonly<Record<StoreWork, string>>>;
  /** Shell that prints the bytes it keeps. */
  readonly size: string;
}

const sizeOfStore = 'du -sb "$STORE" | cut -f 1';

function commits(shell: string): StorePeer["works"] {
  return { "first commit": shell, "nothing changed": shell, "1 % changed": shell };
}

/** `script` is the compiled store-work. Ingot's store is the state folder that the tree lies in. */
export function storePeers(script: string): {
  readonly peers: readonly StorePeer[];
  readonly absent: readonly string[];
} {
  const ingot = `node ${script} "$STATE"`;
  const all: readonly (StorePeer & { readonly program?: string })[] = [
    {
      name: "Ingot",
      init: "true",
      works: {
        ...commits(`${ingot} commit`),
        "full read-out": `${ingot} read | zstd -q -d -c >/dev/null`,
        "one file": `${ingot} file "$FILE" >/dev/null`,
      },
      size: 'du -sbc "$STATE/packs" "$STATE/versions" | tail -n 1 | cut -f 1',
    },
    {
      name: "tar, zstd -3 -T2",
      init: 'mkdir "$STORE"',
      works: {
        ...commits('tar -C "$TREE" --xattrs -cf - . | zstd -q -3 -T2 -o "$STORE/$N.tar.zst"'),
        "full read-out": 'zstd -q -d -c "$STORE/1.tar.zst" >/dev/null',
        "one file": 'zstd -q -d -c "$STORE/1.tar.zst" | tar -xOf - "./$FILE" >/dev/null',
      },
      size: sizeOfStore,
    },
    {
      name: "borg, zstd,3",
      program: "borg",
      init: 'borg init -e none "$STORE"',
      works: {
        ...commits('cd "$TREE" && borg create -C zstd,3 "$STORE::$N" .'),
        "full read-out": 'borg export-tar "$STORE::1" - >/dev/null',
        "one file": 'borg extract --stdout "$STORE::1" "$FILE" >/dev/null',
      },
      size: sizeOfStore,
    },
    {
      name: "restic",
      program: "restic",
      init: 'restic -q init -r "$STORE"',
      works: {
        ...commits('cd "$TREE" && restic -q -r "$STORE" backup --tag "v$N" .'),
        "full read-out": 'restic -q -r "$STORE" dump --tag v1 latest / >/dev/null',
        "one file": 'restic -q -r "$STORE" dump --tag v1 latest "/$FILE" >/dev/null',
      },
      size: sizeOfStore,
    },
    {
      name: "ostree (archive)",
      program: "ostree",
      init: 'ostree init --repo="$STORE" --mode=archive',
      works: {
        ...commits('ostree commit --repo="$STORE" -b "v$N" --tree=dir="$TREE" >/dev/null'),
        "full read-out": 'ostree export --repo="$STORE" v1 >/dev/null',
        "one file": 'ostree cat --repo="$STORE" v1 "/$FILE" >/dev/null',
      },
      size: sizeOfStore,
    },
  ];
  const has = (program: string | undefined) =>
    program === undefined || spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
  return {
    peers: all.filter(({ program }) => has(program)),
    absent: all.filter(({ program }) => !has(program)).map(({ name }) => name),
  };
}
