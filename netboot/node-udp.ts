import { createSocket, type Socket } from "node:dgram";
import { AppError } from "../base/errors.ts";
import type { Ipv4Address } from "../base/net-types.ts";
import type { DatagramSocket, DatagramSockets, Endpoint, OpenOptions } from "./udp.ts";

/** Asked of the kernel for bursts: a rack that is powered on, a window of blocks. The kernel may give less. */
const receiveBuffer = 1 << 20;

/** Datagram sockets of the operating system. IPv4 only. */
export const nodeDatagramSockets: DatagramSockets = { open };

async function open(options: OpenOptions): Promise<DatagramSocket> {
  const { peer } = options;
  let closed = false;
  const receive: OpenOptions["receive"] = (bytes, from) => {
    if (!closed) {
      options.receive(bytes, from);
    }
  };
  const shared = options.shared ?? peer !== undefined;
  const socket = await openOne({ ...options, receive, shared });
  const bound = socket.address();
  const local: Endpoint = { address: bound.address as Ipv4Address, port: bound.port };
  // On the same port; the kernel gives it what comes from the peer, and the first one all else.
  const toPeer = peer && (await connect({ ...options, receive, shared, local, peer }, socket));
  return {
    local,
    send: (bytes, to) =>
      closed ? Promise.reject(new AppError("io", "The socket is closed")) : send(socket, bytes, to),
    post: (bytes, to) => {
      if (closed) {
        return;
      }
      // Without a callback, Node sends at once where the kernel has room, and keeps an error to itself.
      if (toPeer !== undefined && to.port === peer?.port && to.address === peer.address) {
        toPeer.send(bytes);
      } else {
        socket.send(bytes, to.port, to.address);
      }
    },
    close: async () => {
      if (!closed) {
        closed = true;
        await Promise.all([closeOne(socket), toPeer === undefined ? undefined : closeOne(toPeer)]);
      }
    },
  };
}

async function openOne(options: OpenOptions): Promise<Socket> {
  const socket = createSocket({ type: "udp4", reuseAddr: options.shared ?? false, lookup });
  await bind(socket, options.local);
  if (options.broadcast === true) {
    socket.setBroadcast(true);
  }
  enlargeBuffer(socket);
  socket.on("message", (bytes, from) => {
    options.receive(bytes, { address: from.address as Ipv4Address, port: from.port });
  });
  socket.on("error", (error) => options.failed?.(error));
  return socket;
}

async function connect(options: OpenOptions & { readonly peer: Endpoint }, first: Socket): Promise<Socket> {
  const { port, address } = options.peer;
  let socket: Socket | undefined;
  try {
    const connecting = await openOne(options);
    socket = connecting;
    await new Promise<void>((resolve, reject) => {
      connecting.connect(port, address, (error?: Error) => (error ? reject(error) : resolve()));
    });
    return connecting;
  } catch (error) {
    await Promise.all([closeOne(first), socket === undefined ? undefined : closeOne(socket)]);
    throw new AppError("io", `No way to ${address}:${port}`, { cause: error });
  }
}

function closeOne(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}

/** Only addresses are sent to, and none of them needs to be looked up; Node's own way takes a turn of the event loop for each packet. */
function lookup(
  address: string,
  _options: unknown,
  done: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  done(null, address, 4);
}

function bind(socket: Socket, local: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", (error) => {
      socket.close();
      reject(bindError(error, local));
    });
    socket.bind({ address: local.address, port: local.port }, () => {
      socket.removeAllListeners("error");
      resolve();
    });
  });
}

function bindError(error: NodeJS.ErrnoException, local: Endpoint): AppError {
  const place = `UDP port ${local.port} of ${local.address}`;
  switch (error.code) {
    case "EADDRINUSE":
      return new AppError("conflict", `Cannot listen on ${place}: another program does`, {
        cause: error,
        hint: `Stop the other server; \`ss -ulpn sport = :${local.port}\` names it.`,
      });
    case "EACCES":
      return new AppError("refused", `Cannot listen on ${place}: not allowed`, {
        cause: error,
        hint: "Run as root or with CAP_NET_BIND_SERVICE.",
      });
    case "EADDRNOTAVAIL":
      return new AppError("bad-input", `Cannot listen on ${place}: no interface has this address`, {
        cause: error,
        hint: "`ip -4 address` lists the addresses that there are.",
      });
    default:
      return new AppError("io", `Cannot listen on ${place}: ${error.message}`, { cause: error });
  }
}

function send(socket: Socket, bytes: Uint8Array, to: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(bytes, to.port, to.address, (error) => {
      if (error === null) {
        resolve();
      } else {
        reject(
          new AppError("io", `Cannot send to ${to.address}:${to.port}: ${error.message}`, { cause: error }),
        );
      }
    });
  });
}

function enlargeBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(receiveBuffer);
  } catch {
    // The default buffer serves too; bursts are then lost sooner and asked for again.
  }
}
