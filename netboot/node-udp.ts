import { createSocket, type Socket } from "node:dgram";
import { AppError } from "../base/errors.ts";
import type { Ipv4Address } from "../base/net-types.ts";
import type { DatagramSocket, DatagramSockets, Endpoint, OpenOptions } from "./udp.ts";

/** Asked of the kernel for bursts: a rack that is powered on, a window of blocks. The kernel may give less. */
const receiveBuffer = 1 << 20;

/** Datagram sockets of the operating system. IPv4 only. */
export const nodeDatagramSockets: DatagramSockets = { open };

async function open(options: OpenOptions): Promise<DatagramSocket> {
  const socket = createSocket({ type: "udp4", reuseAddr: options.shared ?? false, lookup });
  await bind(socket, options.local);
  if (options.broadcast === true) {
    socket.setBroadcast(true);
  }
  enlargeBuffer(socket);
  const bound = socket.address();
  let closed = false;
  socket.on("message", (bytes, from) => {
    if (!closed) {
      options.receive(bytes, { address: from.address as Ipv4Address, port: from.port });
    }
  });
  socket.on("error", (error) => options.failed?.(error));
  return {
    local: { address: bound.address as Ipv4Address, port: bound.port },
    send: (bytes, to) =>
      closed ? Promise.reject(new AppError("io", "The socket is closed")) : send(socket, bytes, to),
    post: (bytes, to) => {
      if (!closed) {
        // Without a callback, Node sends at once where the kernel has room, and keeps an error to itself.
        socket.send(bytes, to.port, to.address);
      }
    },
    close: () => {
      if (closed) {
        return Promise.resolve();
      }
      closed = true;
      return new Promise((resolve) => socket.close(() => resolve()));
    },
  };
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
