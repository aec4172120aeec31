import { type MacAddress, macFromBytes } from "../../base/net-types.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { clientArch } from "../arch.ts";
import type { Machine } from "../booter.ts";
import { messageType, option, readText, readU8 } from "./options.ts";
import type { DhcpPacket } from "./packet.ts";
import { archCode, bootProtocol, clientUuid, ipxeHasHttp, isIpxe } from "./pxe-options.ts";

export type RequestType = "discover" | "request" | "decline" | "release" | "inform";

/** Who sent a DHCP message, and what for. */
export interface DhcpClient {
  readonly mac: MacAddress;
  readonly type: RequestType;
  /** Set where it asks for something to boot; an operating system's DHCP client does not. */
  readonly machine?: Machine;
  /** False for an iPXE that was built without HTTP. */
  readonly canHttp: boolean;
}

const requestTypes: Readonly<Record<number, RequestType>> = {
  [messageType.discover]: "discover",
  [messageType.request]: "request",
  [messageType.decline]: "decline",
  [messageType.release]: "release",
  [messageType.inform]: "inform",
};

/** Reads who a packet is from; the error is the reason why it is none of a client's. */
export function readClient(packet: DhcpPacket): Result<DhcpClient, string> {
  if (packet.op !== 1) {
    return err("a server's message");
  }
  if (packet.htype !== 1 || packet.hlen !== 6) {
    return err(`hardware type ${packet.htype} with ${packet.hlen} bytes is not Ethernet`);
  }
  if (((packet.chaddr[0] as number) & 1) !== 0) {
    return err("the hardware address is a group's");
  }
  const type = requestTypes[readU8(packet.options, option.messageType) ?? 0];
  if (type === undefined) {
    return err("no DHCP message type that a client sends");
  }
  const mac = macFromBytes(packet.chaddr);
  const machine = readMachine(packet, mac);
  const canHttp = ipxeHasHttp(packet.options);
  return ok({ mac, type, canHttp, ...(machine === undefined ? {} : { machine }) });
}

function readMachine(packet: DhcpPacket, mac: MacAddress): Machine | undefined {
  const protocol = bootProtocol(packet.options);
  const ipxe = isIpxe(packet.options);
  if (protocol === undefined && !ipxe) {
    return undefined;
  }
  const uuid = clientUuid(packet.options);
  const vendorClass = readText(packet.options, option.vendorClass);
  return {
    mac,
    arch: clientArch(archCode(packet.options)),
    isIpxe: ipxe,
    isHttpBoot: protocol === "http",
    ...(uuid === undefined ? {} : { uuid }),
    ...(vendorClass === undefined ? {} : { vendorClass }),
  };
}
