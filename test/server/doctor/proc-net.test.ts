import { describe, expect, it } from "vitest";
import { covers, findUnixSocket, parseSocketTable } from "../../../server/doctor/proc-net.ts";

// `cat /proc/net/udp` and `/proc/net/tcp6` on Debian 12.
const udp = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  353: 01004D0A:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 35021 2 0000000000000000 0
  353: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 35022 2 0000000000000000 0
  999: 0100007F:1388 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 35023 2 0000000000000000 0
`;
const tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F98 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000001000000:1F98 00000000000000000000000000000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 778 1 0000000000000000 100 0 0 10 0
`;

describe("parseSocketTable()", () => {
  it("reads sockets that wait for anybody, and leaves connected ones out", () => {
    expect(parseSocketTable("udp", udp)).toEqual([
      { protocol: "udp", address: "10.77.0.1", port: 67, inode: 35021 },
      { protocol: "udp", address: "0.0.0.0", port: 67, inode: 35022 },
    ]);
    expect(parseSocketTable("tcp", tcp6)).toEqual([
      { protocol: "tcp", address: "::", port: 8088, inode: 777 },
    ]);
  });

  it("covers an address by the very one or all", () => {
    const [own, any] = parseSocketTable("udp", udp);

    expect([covers(own!, "10.77.0.1"), covers(own!, "10.0.0.1"), covers(any!, "10.0.0.1")]).toEqual([
      true,
      false,
      true,
    ]);
  });
});

describe("findUnixSocket()", () => {
  it("finds the inode by the path, and not that of a connection to it", () => {
    const table = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000003 00000000 00000000 0001 03 31400 /var/lib/ingot/ingot.sock
0000000000000000: 00000002 00000000 00010000 0001 01 31337 /var/lib/ingot/ingot.sock
`;

    expect(findUnixSocket(table, "/var/lib/ingot/ingot.sock")).toBe(31337);
    expect(findUnixSocket(table, "/other")).toBeUndefined();
  });
});
