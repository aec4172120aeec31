/** The schema, one step per entry; `user_version` counts those done. Entries that were released are never changed. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE nodes (
    name TEXT PRIMARY KEY,
    ip TEXT UNIQUE,
    image TEXT,
    version INTEGER,
    kernel_arguments TEXT,
    seen_at INTEGER,
    seen_firmware TEXT,
    seen_address TEXT
  ) STRICT;
  CREATE TABLE node_macs (
    mac TEXT PRIMARY KEY,
    node TEXT NOT NULL REFERENCES nodes(name) ON DELETE CASCADE,
    position INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX node_macs_node ON node_macs(node);
  CREATE TABLE node_groups (
    node TEXT NOT NULL REFERENCES nodes(name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (node, name)
  ) STRICT;

  CREATE TABLE leases (
    address TEXT PRIMARY KEY,
    mac TEXT NOT NULL,
    hostname TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    state TEXT NOT NULL
  ) STRICT;

  CREATE TABLE versions (
    image TEXT NOT NULL,
    number INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    PRIMARY KEY (image, number)
  ) STRICT;

  CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    node TEXT,
    image TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX jobs_state ON jobs(state);
  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_job ON events(job, id);

  CREATE TABLE installs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    node TEXT NOT NULL REFERENCES nodes(name) ON DELETE CASCADE,
    open INTEGER NOT NULL,
    job INTEGER,
    record TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX installs_open ON installs(node) WHERE open = 1;
  CREATE TABLE install_tokens (
    hash TEXT PRIMARY KEY,
    install INTEGER NOT NULL REFERENCES installs(id) ON DELETE CASCADE
  ) STRICT;
  CREATE TABLE install_logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    install INTEGER NOT NULL REFERENCES installs(id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    text TEXT NOT NULL
  ) STRICT;
  CREATE INDEX install_logs_install ON install_logs(install, id);

  CREATE TABLE host_keys (
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    key BLOB NOT NULL,
    pinned_at INTEGER NOT NULL,
    PRIMARY KEY (host, port, key)
  ) STRICT;

  CREATE TABLE client_tokens (
    hash TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE strangers (
    mac TEXT PRIMARY KEY,
    token TEXT UNIQUE,
    record TEXT NOT NULL
  ) STRICT;
  CREATE TABLE rescues (
    node TEXT PRIMARY KEY REFERENCES nodes(name) ON DELETE CASCADE,
    token TEXT UNIQUE,
    record TEXT NOT NULL
  ) STRICT;
  ALTER TABLE nodes ADD COLUMN local_boot TEXT;
  `,
  `
  ALTER TABLE nodes ADD COLUMN uuid TEXT;
  CREATE UNIQUE INDEX nodes_uuid ON nodes(uuid);
  `,
];
