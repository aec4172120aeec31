/** What the DHCP probe asks, as which kind of machine, and how an answer to it is understood. */
import { fromHex } from "../../base/bytes.ts";
import { type Ipv4Address, type MacAddress, macFromBytes, macToBytes } from "../../base/net-types.ts";
import { messageType, option, readAddress, readText, readU8, textValue } from "../dhcp/options.ts";
import { broadcastFlag, type DhcpPacket, noAddress } from "../dhcp/packet.ts";
import type { Endpoint } from "../udp.ts";

/** An operating system's client, and the kinds of firmware that ask for something to boot: PCs', and ARM servers'. */
export type AskerKind = "plain" | "bios" | "uefi" | "http" | "arm64" | "http-arm64";

export interface DhcpQuestion {
  readonly kind: AskerKind;
  readonly mac: MacAddress;
  readonly xid: number;
}

/** One server's answer to one question. */
export interface DhcpAnswer {
  readonly kind: AskerKind;
  readonly mac: MacAddress;
  /** Who answered: option 54, else the sender. */
  readonly server: Ipv4Address;
  /** The sender: a relay where it is not `server`. */
  readonly from: Ipv4Address;
  /** 67, or 4011 for a boot server's answer. */
  readonly port: number;
  /** The address that was offered; a proxy offers none. */
  readonly address?: Ipv4Address;
  readonly bootFile?: string;
  readonly nextServer?: Ipv4Address;
  /** Fields that another implementation reads otherwise than ours. */
  readonly readOtherwise: readonly string[];
}

const firmware: Readonly<
  Record<Exclude<AskerKind, "plain">, { readonly arch: number; readonly protocol: string }>
> = {
  bios: { arch: 0, protocol: "PXEClient" },
  uefi: { arch: 7, protocol: "PXEClient" },
  http: { arch: 16, protocol: "HTTPClient" },
  arm64: { arch: 11, protocol: "PXEClient" },
  "http-arm64": { arch: 19, protocol: "HTTPClient" },
};

/** What clients of all kinds ask for: netmask, router, DNS, names, boot server and file. */
const wanted = Uint8Array.of(1, 3, 6, 12, 15, 28, 43, 51, 54, 60, 66, 67);

/** A DISCOVER, or with `ciaddr` the REQUEST that PXE firmware sends to port 4011. Answers are asked for by broadcast. */
export function questionPacket(question: DhcpQuestion, ciaddr: Ipv4Address = noAddress): DhcpPacket {
  const chaddr = new Uint8Array(16);
  chaddr.set(macToBytes(question.mac));
  const type = ciaddr === noAddress ? messageType.discover : messageType.request;
  const common: readonly (readonly [number, Uint8Array])[] = [
    [option.messageType, Uint8Array.of(type)],
    [option.parameterList, wanted],
    [option.maxMessageSize, Uint8Array.of(5, 192)],
  ];
  return {
    ...{ op: 1, htype: 1, hlen: 6, hops: 0, xid: question.xid, secs: 4, flags: broadcastFlag, chaddr },
    ...{ ciaddr, yiaddr: noAddress, siaddr: noAddress, giaddr: noAddress, sname: "", file: "" },
    options: new Map([...common, ...(question.kind === "plain" ? [] : bootOptions(firmware[question.kind]))]),
  };
}

/** Options 60, 93, 94 (UNDI 3.1), 97 as firmware sends them. */
function bootOptions(asker: {
  readonly arch: number;
  readonly protocol: string;
}): readonly (readonly [number, Uint8Array])[] {
  const arch = String(asker.arch).padStart(5, "0");
  return [
    [option.vendorClass, textValue(`${asker.protocol}:Arch:${arch}:UNDI:003001`)],
    [option.clientArch, Uint8Array.of(0, asker.arch)],
    [94, Uint8Array.of(1, 3, 1)],
    [option.clientUuid, Uint8Array.of(0, ...(fromHex("696e676f742d646f63746f7200000001") ?? []))],
  ];
}

/** The question that a packet answers as an OFFER or ACK, if any. */
export function findQuestion(
  packet: DhcpPacket,
  questions: readonly DhcpQuestion[],
): DhcpQuestion | undefined {
  const type = readU8(packet.options, option.messageType);
  return packet.op === 2 && (type === messageType.offer || type === messageType.ack)
    ? questions.find(({ xid, mac }) => xid === packet.xid && mac === macFromBytes(packet.chaddr))
    : undefined;
}

/** Understands an answer; `peer` is what the other implementation read. */
export function readAnswer(
  question: DhcpQuestion,
  seen: { readonly packet: DhcpPacket; readonly peer: DhcpPacket | undefined; readonly from: Endpoint },
): DhcpAnswer {
  const { packet, peer, from } = seen;
  const own = offerFields(packet);
  const other: Readonly<Record<string, string>> = peer === undefined ? {} : offerFields(peer);
  const bootFile = own["boot file"];
  return {
    ...{ kind: question.kind, mac: question.mac, from: from.address, port: from.port },
    server: readAddress(packet.options, option.serverId) ?? from.address,
    ...(packet.yiaddr === noAddress ? {} : { address: packet.yiaddr }),
    ...(bootFile === "" ? {} : { bootFile }),
    ...(packet.siaddr === noAddress ? {} : { nextServer: packet.siaddr }),
    readOtherwise: Object.entries(own).flatMap(([name, value]) => (other[name] === value ? [] : [name])),
  };
}

function offerFields(packet: DhcpPacket) {
  return {
    address: packet.yiaddr as string,
    "next server": packet.siaddr as string,
    "server identifier": String(readAddress(packet.options, option.serverId)),
    "boot file": printable(packet.file) || (readText(packet.options, option.bootFile) ?? ""),
    netmask: String(readAddress(packet.options, option.subnetMask)),
  };
}

/** Comes from the wire and goes to a terminal. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
