/** Linux's tables of sockets: /proc/net/{udp,udp6,tcp,tcp6,unix} (proc(5)). */

export interface KernelSocket {
  readonly protocol: "udp" | "tcp";
  /** Dotted quad; `::` for an IPv6 socket on all addresses, other IPv6 addresses as hex. */
  readonly address: string;
  readonly port: number;
  readonly inode: number;
}

const tcpListen = "0A";

/** Sockets that receive from anybody: unconnected UDP, listening TCP. */
export function parseSocketTable(protocol: "udp" | "tcp", text: string): readonly KernelSocket[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const local = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(fields[1] ?? "");
      const waits = protocol === "tcp" ? fields[3] === tcpListen : /:0000$/.test(fields[2] ?? "");
      if (local?.[1] === undefined || local[2] === undefined || !waits) {
        return [];
      }
      const port = Number.parseInt(local[2], 16);
      return [{ protocol, address: addressOf(local[1]), port, inode: Number(fields[9]) }];
    });
}

/** IPv4 addresses stand there as one number in the host's byte order, little-endian on all that Ingot runs on. */
function addressOf(hex: string): string {
  if (hex.length === 32) {
    return /^0+$/.test(hex) ? "::" : hex.toLowerCase();
  }
  const bytes = hex.match(/../g) ?? [];
  return bytes
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join(".");
}

/** `__SO_ACCEPTCON` in the table's flags: the socket listens. */
const listens = 0x10000;

/** The inode of the listening Unix socket at a path. The connections that it has accepted stand in the table under the same path. */
export function findUnixSocket(table: string, path: string): number | undefined {
  const rows = table.split("\n").filter((line) => line.endsWith(` ${path}`));
  const row = rows
    .map((line) => line.trim().split(/\s+/))
    .find((fields) => (Number.parseInt(fields[3] ?? "", 16) & listens) !== 0);
  return row?.[6] === undefined ? undefined : Number(row[6]);
}

/** Whether a socket gets what is sent to `address`. */
export function covers(socket: KernelSocket, address: string): boolean {
  const everywhere = ["0.0.0.0", "::"];
  return socket.address === address || everywhere.includes(socket.address) || everywhere.includes(address);
}
