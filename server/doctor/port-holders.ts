/** Which processes hold which ports, from /proc. Without root only the own processes' are told. */
import { readdir, readFile, readlink } from "node:fs/promises";
import type { PortFacts, PortHolder, WantedPort } from "./facts.ts";
import { covers, findUnixSocket, type KernelSocket, parseSocketTable } from "./proc-net.ts";

/** Looks at each wanted port; `daemonSocket` is the path by which the daemon is told from the rest. */
export async function findPortHolders(
  wanted: readonly WantedPort[],
  daemonSocket: string,
): Promise<readonly PortFacts[]> {
  const sockets = await readSockets();
  const daemonInode = findUnixSocket(await readText("/proc/net/unix"), daemonSocket);
  const relevant = (port: WantedPort): readonly KernelSocket[] =>
    sockets.filter(
      (socket) =>
        socket.protocol === port.protocol && socket.port === port.port && covers(socket, port.address),
    );
  const inodes = new Set(wanted.flatMap((port) => relevant(port).map(({ inode }) => inode)));
  const owners = await findOwners(new Set([...inodes, ...(daemonInode === undefined ? [] : [daemonInode])]));
  const daemon = daemonInode === undefined ? undefined : owners.get(daemonInode);
  return wanted.map((port) => ({
    ...port,
    holders: relevant(port).map(({ address, inode }): PortHolder => {
      const owner = owners.get(inode);
      return {
        address,
        isDaemon: owner !== undefined && owner.pid === daemon?.pid,
        ...(owner === undefined ? {} : { pid: owner.pid, program: owner.program }),
      };
    }),
  }));
}

async function readSockets(): Promise<readonly KernelSocket[]> {
  const tables = [
    ["udp", "udp"],
    ["udp", "udp6"],
    ["tcp", "tcp"],
    ["tcp", "tcp6"],
  ] as const;
  const lists = await Promise.all(
    tables.map(async ([protocol, name]) => parseSocketTable(protocol, await readText(`/proc/net/${name}`))),
  );
  return lists.flat();
}

interface Owner {
  readonly pid: number;
  readonly program: string;
}

/** The process of each socket inode: the one with the lowest number where several share it. */
async function findOwners(inodes: ReadonlySet<number>): Promise<ReadonlyMap<number, Owner>> {
  const owners = new Map<number, Owner>();
  const pids = (await list("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const pid of pids.sort((a, b) => b - a)) {
    for (const descriptor of await list(`/proc/${pid}/fd`)) {
      const link = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
      const inode = Number(/^socket:\[(\d+)\]$/.exec(link)?.[1]);
      if (inodes.has(inode)) {
        owners.set(inode, { pid, program: (await readText(`/proc/${pid}/comm`)).trim() });
      }
    }
  }
  return owners;
}

/** Processes come and go, and others' are not to be read: what cannot be read is empty. */
async function list(path: string): Promise<readonly string[]> {
  return await readdir(path).catch(() => []);
}

async function readText(path: string): Promise<string> {
  return await readFile(path, "latin1").catch(() => "");
}
