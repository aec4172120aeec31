/** What the DHCP server answers: RFC 2131 section 4.3 as a function of the message and of what is known of its sender. */
import { cidrBroadcast, cidrContains, cidrNetmask, type Ipv4Address } from "../../base/net-types.ts";
import type { Result } from "../../base/result.ts";
import type { BootDecision, HostAddress } from "../booter.ts";
import { bootReply } from "./boot-reply.ts";
import type { DhcpClient } from "./client.ts";
import { addressesValue, messageType, option, readAddress, textValue, u32Value } from "./options.ts";
import { broadcastFlag, type DhcpPacket, noAddress } from "./packet.ts";
import { bootServerPort } from "./route.ts";
import type { DhcpSettings } from "./settings.ts";

export interface Situation {
  readonly request: DhcpPacket;
  readonly client: DhcpClient;
  readonly host: HostAddress;
  /** Those of the client's subnet ({@link settingsFor}). */
  readonly settings: DhcpSettings;
  /** The port at which the message came: 67, or 4011 for PXE's second question. */
  readonly port: number;
  /** The address that is the machine's now, or why it can have none. */
  readonly address: Result<Ipv4Address, string>;
  /** Set for machines that ask for something to boot. */
  readonly decision?: BootDecision;
}

export type Response =
  /** Send; with `bind`, only after the lease is durable; with `offer`, hold the address for a moment. */
  | {
      readonly kind: "reply";
      readonly packet: DhcpPacket;
      readonly bind?: Ipv4Address;
      readonly offer?: Ipv4Address;
    }
  | { readonly kind: "release" | "decline"; readonly address: Ipv4Address }
  | { readonly kind: "ignore"; readonly reason: string };

/** Decides what to do about one message of a known machine. */
export function respond(situation: Situation): Response {
  return situation.settings.mode === "proxy" ? respondAsProxy(situation) : respondAsServer(situation);
}

function respondAsServer(situation: Situation): Response {
  if (situation.port === bootServerPort) {
    return ignore("boot servers on port 4011 are for proxy mode");
  }
  switch (situation.client.type) {
    case "discover":
      return situation.address.ok
        ? {
            kind: "reply",
            packet: reply(situation, { type: messageType.offer, yiaddr: situation.address.value }),
            offer: situation.address.value,
          }
        : ignore(situation.address.error);
    case "request":
      return respondToRequest(situation);
    case "inform":
      return respondToInform(situation);
    case "decline":
    case "release":
      return giveBack(situation, situation.client.type);
  }
}

/** Tells the four REQUESTs apart as RFC 2131 section 4.3.2 does. */
function respondToRequest(situation: Situation): Response {
  const { request, settings, address } = situation;
  const server = readAddress(request.options, option.serverId);
  const requested = readAddress(request.options, option.requestedAddress);
  if (server !== undefined && !isOurs(server, settings)) {
    return ignore(`the client chose the server ${server}`);
  }
  const renewing = request.ciaddr !== noAddress;
  const wanted = renewing ? request.ciaddr : requested;
  if (wanted === undefined) {
    return ignore("a REQUEST without an address");
  }
  if (!address.ok) {
    // Silence would leave a client on an address that is no longer its own until the lease runs out.
    return nak(situation, address.error);
  }
  return wanted === address.value
    ? { kind: "reply", packet: reply(situation, { type: messageType.ack, yiaddr: wanted }), bind: wanted }
    : nak(situation, `${wanted} is not your address`);
}

function respondToInform(situation: Situation): Response {
  const { request, settings } = situation;
  if (request.ciaddr === noAddress || !cidrContains(settings.subnet, request.ciaddr)) {
    return ignore("an INFORM from an address outside the subnet");
  }
  return { kind: "reply", packet: reply(situation, { type: messageType.ack, yiaddr: noAddress }) };
}

function giveBack(situation: Situation, kind: "decline" | "release"): Response {
  const { request, settings, address } = situation;
  const named = kind === "release" ? request.ciaddr : readAddress(request.options, option.requestedAddress);
  const server = readAddress(request.options, option.serverId);
  if (server === undefined || !isOurs(server, settings)) {
    return ignore(`a ${kind} for another server`);
  }
  if (named === undefined || !address.ok || named !== address.value) {
    return ignore(`a ${kind} of an address that is not the machine's`);
  }
  return { kind, address: named };
}

/** A machine that has its lease from before its relay took to that, or gave it up, still names the other. */
function isOurs(server: Ipv4Address, { address, serverId }: DhcpSettings): boolean {
  return server === address || server === serverId;
}

/** Beside a site's own DHCP server: no address is ever given; only who netboots is told a boot file. */
function respondAsProxy(situation: Situation): Response {
  const { client, settings, decision, port } = situation;
  if (bootReply(client, { settings, decision }) === undefined) {
    return ignore(decision === undefined ? "it does not netboot" : `nothing to boot: ${decision.reason}`);
  }
  if (port === bootServerPort && (client.type === "request" || client.type === "inform")) {
    return { kind: "reply", packet: reply(situation, { type: messageType.ack, yiaddr: noAddress }) };
  }
  if (port !== bootServerPort && client.type === "discover") {
    return { kind: "reply", packet: reply(situation, { type: messageType.offer, yiaddr: noAddress }) };
  }
  return ignore(`a proxy does not answer a ${client.type} on port ${port}`);
}

function ignore(reason: string): Response {
  return { kind: "ignore", reason };
}

/** RFC 2131 table 3: a NAK has no addresses; through a relay it must be broadcast (section 4.3.2). */
function nak(situation: Situation, reason: string): Response {
  const { request, settings } = situation;
  const options = new Map<number, Uint8Array>([
    [option.messageType, Uint8Array.of(messageType.nak)],
    [option.serverId, addressesValue([settings.serverId ?? settings.address])],
    [option.message, textValue(reason.replace(/[^\x20-\x7e]/g, "?").slice(0, 200))],
    ...echoed(request),
  ]);
  const flags = request.giaddr === noAddress ? request.flags : request.flags | broadcastFlag;
  return {
    kind: "reply",
    packet: { ...header(request), flags, ciaddr: noAddress, siaddr: noAddress, file: "", options },
  };
}

function header(request: DhcpPacket): DhcpPacket {
  return {
    ...request,
    op: 2,
    hops: 0,
    secs: 0,
    yiaddr: noAddress,
    siaddr: noAddress,
    sname: "",
    file: "",
    options: new Map(),
  };
}

/** RFC 6842 (61), RFC 3046 (82) and RFC 4578 (97) want these back as they came. */
function echoed(request: DhcpPacket): readonly (readonly [number, Uint8Array])[] {
  return [option.clientId, option.clientUuid, option.relayAgent].flatMap((code) => {
    const value = request.options.get(code);
    return value === undefined ? [] : [[code, value] as const];
  });
}

function reply(
  situation: Situation,
  kind: { readonly type: number; readonly yiaddr: Ipv4Address },
): DhcpPacket {
  const { request, settings, client, decision } = situation;
  const boot = bootReply(client, { settings, decision });
  const isOffer = kind.type === messageType.offer;
  const head: readonly (readonly [number, Uint8Array])[] = [
    [option.messageType, Uint8Array.of(kind.type)],
    [option.serverId, addressesValue([settings.serverId ?? settings.address])],
    ...(kind.yiaddr === noAddress ? [] : times(settings)),
  ];
  const network = settings.mode === "proxy" ? [] : networkOptions(situation);
  return {
    ...header(request),
    ciaddr: isOffer ? noAddress : request.ciaddr,
    yiaddr: kind.yiaddr,
    siaddr: boot === undefined ? noAddress : settings.address,
    file: boot?.file ?? "",
    options: new Map([
      ...head,
      ...(boot?.options ?? []),
      ...inRequestedOrder(network, request.options.get(option.parameterList)),
      ...echoed(request),
    ]),
  };
}

/** Lease time, and when to renew and rebind (RFC 2131 section 4.4.5). */
function times(settings: DhcpSettings): readonly (readonly [number, Uint8Array])[] {
  const seconds = settings.leaseTime / 1000;
  return [
    [option.leaseTime, u32Value(seconds)],
    [option.renewalTime, u32Value(seconds * 0.5)],
    [option.rebindingTime, u32Value(seconds * 0.875)],
  ];
}

function networkOptions({ settings, host, request }: Situation): readonly (readonly [number, Uint8Array])[] {
  const { router, dns, domain, options = [] } = settings;
  // Firmware's answers stay short: it does not ask for what only an operating system needs. Who tells no wishes gets all.
  const wanted = request.options.get(option.parameterList);
  return [
    [option.subnetMask, addressesValue([cidrNetmask(settings.subnet)])],
    ...(router === undefined ? [] : [[option.router, addressesValue([router])] as const]),
    ...(dns.length === 0 ? [] : [[option.dns, addressesValue(dns)] as const]),
    [option.hostName, textValue(host.hostname)],
    ...(domain === undefined ? [] : [[option.domainName, textValue(domain)] as const]),
    [option.broadcast, addressesValue([cidrBroadcast(settings.subnet)])],
    ...options.filter(([code]) => wanted?.includes(code) ?? true),
  ];
}

/** The client's order of preference (RFC 2132 section 9.8), then the rest; the netmask stays before the router (section 3.3). */
function inRequestedOrder(
  options: readonly (readonly [number, Uint8Array])[],
  wanted: Uint8Array | undefined,
): readonly (readonly [number, Uint8Array])[] {
  const place = (code: number): number => {
    const at = wanted?.indexOf(code) ?? -1;
    return code === option.subnetMask ? -1 : at < 0 ? Number.MAX_SAFE_INTEGER : at;
  };
  return [...options].sort((a, b) => place(a[0]) - place(b[0]));
}
