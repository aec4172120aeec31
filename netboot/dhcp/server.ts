/**
 * The DHCP service of one interface: receives, decodes, asks who and what, and sends what `respond` decides. It holds no rule.
 *
 * Node tells no incoming interface, so broadcasts of every interface arrive here; replies leave only by the interface that
 * has the settings' address, because the sending socket is bound to it.
 */
import { toAppError } from "../../base/errors.ts";
import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import type { Clock, Log } from "../../base/ports.ts";
import type { AddressBook, BootDecision, Booter, HostAddress } from "../booter.ts";
import type { DatagramSocket, DatagramSockets, Endpoint } from "../udp.ts";
import type { AddressCheck } from "./address-check.ts";
import { AddressTable, type Holder } from "./address-table.ts";
import { Backlog } from "./backlog.ts";
import { type DhcpClient, readClient } from "./client.ts";
import { foreignServer } from "./foreign-server.ts";
import type { LeaseStore } from "./lease.ts";
import { isDiscover, messageTypeName, option, readAddress, readU16 } from "./options.ts";
import { type DhcpPacket, decodePacket, defaultMaximumLength, encodePacket, noAddress } from "./packet.ts";
import { type Response, respond } from "./respond.ts";
import { bootServerPort, routeReply } from "./route.ts";
import type { DhcpSettings } from "./settings.ts";
import { settingsFor } from "./subnet.ts";

export interface DhcpServerOptions {
  readonly settings: DhcpSettings;
  readonly booter: Booter;
  readonly addresses: AddressBook;
  readonly leases: LeaseStore;
  readonly sockets: DatagramSockets;
  /** Without one, addresses of the pool are offered unchecked. */
  readonly addressCheck?: AddressCheck;
  readonly clock: Clock;
  readonly log: Log;
}

/** Another DHCP server that clients chose on this wire. */
export interface ForeignServer {
  readonly address: Ipv4Address;
  /** Who chose it last, and when (Unix milliseconds). */
  readonly mac: MacAddress;
  readonly at: number;
}

/** Messages being answered at the same time, most of them waiting to see who has an address; more are dropped, and asked again. */
const inFlightLimit = 1024;
/** Addresses that are tried for one DISCOVER; the client asks again anyway. */
const checkLimit = 3;
/** Other servers that are remembered. */
const foreignLimit = 16;
/** Larger answers would be cut into fragments, which firmware may not put together again. */
const largestReply = 1472;
const anyAddress = "0.0.0.0" as Ipv4Address;

interface Arrival {
  readonly from: Endpoint;
  readonly port: number;
}

/** A message of a known machine. */
interface Known {
  readonly request: DhcpPacket;
  readonly client: DhcpClient;
  readonly host: HostAddress;
  readonly decision: BootDecision | undefined;
  readonly arrival: Arrival;
  /** Those of its subnet. */
  readonly settings: DhcpSettings;
}

export class DhcpServer {
  readonly #options: DhcpServerOptions;
  readonly #log: Log;
  readonly #table: AddressTable;
  readonly #backlog: Backlog<{ readonly bytes: Uint8Array; readonly arrival: Arrival }>;
  /** By port: bound to the interface's address, so what they send leaves by that interface. */
  readonly #senders = new Map<number, DatagramSocket>();
  readonly #foreign = new Map<Ipv4Address, ForeignServer>();
  /** Messages that are being answered: the same one again, because the answer takes its time, gets none of its own. */
  readonly #inWork = new Set<string>();
  #listeners: DatagramSocket[] = [];
  #inFlight = 0;
  #counts = { received: 0, malformed: 0, ignored: 0, dropped: 0, sent: 0 };

  constructor(options: DhcpServerOptions) {
    this.#options = options;
    this.#table = new AddressTable(options);
    this.#backlog = new Backlog({
      clock: options.clock,
      handle: ({ bytes, arrival }) => this.#begin(bytes, arrival),
      begins: ({ bytes }) => isDiscover(bytes),
      dropped: () => {
        this.#counts.dropped += 1;
      },
    });
    this.#log = options.log.child({ interface: options.settings.interfaceName });
  }

  get settings(): DhcpSettings {
    return this.#options.settings;
  }

  /** What has come and gone since the start. */
  get counts(): Readonly<Record<"received" | "malformed" | "ignored" | "dropped" | "sent", number>> {
    return { ...this.#counts };
  }

  /** Other DHCP servers that clients chose since the start. */
  get foreignServers(): readonly ForeignServer[] {
    return [...this.#foreign.values()];
  }

  /** Loads the leases and opens the ports; stops when `signal` aborts. */
  async start(signal?: AbortSignal): Promise<void> {
    const { settings, sockets } = this.#options;
    await this.#table.load();
    try {
      for (const port of settings.mode === "proxy" ? [67, bootServerPort] : [67]) {
        const shared = {
          ...{ broadcast: true, shared: true },
          receive: (bytes: Uint8Array, from: Endpoint): void => this.#receive(bytes, { from, port }),
          failed: (error: Error): void => this.#failed(error),
        };
        // The kernel hands unicasts to the socket that is bound to the very address, broadcasts to the other.
        this.#senders.set(
          port,
          await sockets.open({ ...shared, local: { address: settings.address, port } }),
        );
        this.#listeners.push(await sockets.open({ ...shared, local: { address: anyAddress, port } }));
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    signal?.addEventListener("abort", () => void this.stop(), { once: true });
    this.#log.info("DHCP is up", { address: settings.address, mode: settings.mode });
  }

  /** Closes the ports; messages in work are still answered where they can be. Idempotent. */
  async stop(): Promise<void> {
    const open = [...this.#listeners, ...this.#senders.values()];
    this.#listeners = [];
    this.#senders.clear();
    await Promise.all(open.map((socket) => socket.close()));
  }

  #failed(error: Error): void {
    this.#log.warn("A DHCP socket reported an error", { error: error.message });
  }

  #receive(bytes: Uint8Array, arrival: Arrival): void {
    this.#counts.received += 1;
    this.#backlog.push({ bytes, arrival });
  }

  #begin(bytes: Uint8Array, arrival: Arrival): void {
    if (this.#inFlight >= inFlightLimit) {
      this.#counts.dropped += 1;
      return;
    }
    this.#inFlight += 1;
    this.#handle(bytes, arrival)
      .catch((error: unknown) => {
        this.#log.error("A DHCP message could not be answered", { error: toAppError(error).message });
      })
      .finally(() => {
        this.#inFlight -= 1;
      });
  }

  async #handle(bytes: Uint8Array, arrival: Arrival): Promise<void> {
    const packet = decodePacket(bytes);
    if (!packet.ok) {
      this.#counts.malformed += 1;
      this.#log.debug("Malformed DHCP message", { from: arrival.from.address, reason: packet.error });
      return;
    }
    const client = readClient(packet.value);
    if (!client.ok) {
      this.#ignore(client.error, {});
      return;
    }
    const { mac, type } = client.value;
    const settings = settingsFor(packet.value, this.#options.settings);
    if (!settings.ok) {
      this.#ignore(settings.error, { mac });
      return;
    }
    const key = `${mac} ${type} ${packet.value.xid} ${arrival.port}`;
    if (this.#inWork.has(key)) {
      this.#ignore("the same message is being answered", { mac });
      return;
    }
    this.#inWork.add(key);
    try {
      await this.#handleClient({
        ...{ request: packet.value, client: client.value, settings: settings.value, arrival },
      });
    } finally {
      this.#inWork.delete(key);
    }
  }

  async #handleClient(asked: Omit<Known, "host" | "decision">): Promise<void> {
    const { request, client, settings } = asked;
    const { mac, machine } = client;
    this.#lookForForeignServer(request, { mac, settings });
    const host = this.#options.addresses.lookup(mac, machine);
    if (host === undefined) {
      this.#ignore("unknown machine", { mac });
      return;
    }
    const decision = machine === undefined ? undefined : await this.#options.booter.decide(machine);
    await this.#answer({ ...asked, host, decision });
  }

  /** Offers another address where the chosen one turns out to be somebody's; a node that has one of its own waits until that is free. */
  async #answer(known: Known): Promise<void> {
    for (let attempt = 0; attempt < checkLimit; attempt++) {
      // Nothing waits between choosing an address and marking it as taken, so two machines cannot be given one.
      const response = this.#respond(known);
      const offer = response.kind === "reply" ? response.offer : undefined;
      if (offer !== undefined) {
        this.#table.hold(offer, known.client.mac);
      }
      const user = offer === undefined ? undefined : await this.#findUser(offer, known);
      if (offer === undefined || user === undefined) {
        await this.#carryOut(response, known);
        return;
      }
      if (known.host.address !== undefined) {
        this.#log.warn("A node's address is still in use by a machine that has it from the pool", {
          ...{ address: offer, node: known.host.hostname, mac: user },
        });
        this.#ignore(`its address ${offer} is still in use by ${user}`, { mac: known.client.mac });
        return;
      }
      await this.#setAside(offer, { mac: user, hostname: known.host.hostname });
    }
  }

  /** Who has an address that would be given away. Only the interface's own wire can be asked. */
  async #findUser(address: Ipv4Address, known: Known): Promise<MacAddress | undefined> {
    const { client, host, settings } = known;
    const { addressCheck } = this.#options;
    const holder = this.#table.holderOf(address);
    // A node's own address, which is that of all its cards, is another's only where that had it from the pool before.
    const isSafe =
      host.address === undefined
        ? holder?.mac === client.mac
        : holder === undefined || holder.hostname === host.hostname;
    if (addressCheck === undefined || isSafe || settings.subnet !== this.#options.settings.subnet) {
      return undefined;
    }
    const user = await addressCheck.findUser(address);
    return user === client.mac ? undefined : user;
  }

  #lookForForeignServer(
    request: DhcpPacket,
    from: { readonly mac: MacAddress; readonly settings: DhcpSettings },
  ): void {
    const address = foreignServer(request, from.settings);
    if (address === undefined || (this.#foreign.size >= foreignLimit && !this.#foreign.has(address))) {
      return;
    }
    if (!this.#foreign.has(address) && from.settings.mode === "server") {
      this.#log.warn("Another DHCP server answers here", { server: address, mac: from.mac });
    }
    this.#foreign.set(address, { address, mac: from.mac, at: this.#options.clock.now() });
  }

  #respond(known: Known): Response {
    const { request, client, host, decision, arrival, settings } = known;
    const wanted =
      request.ciaddr === noAddress ? readAddress(request.options, option.requestedAddress) : request.ciaddr;
    const question = { mac: client.mac, host, ...(wanted === undefined ? {} : { wanted }) };
    const address = this.#table.choose(question, settings);
    const situation = { request, client, host, settings, port: arrival.port, address };
    return respond(decision === undefined ? situation : { ...situation, decision });
  }

  async #carryOut(response: Response, known: Known): Promise<void> {
    const { mac } = known.client;
    switch (response.kind) {
      case "ignore":
        this.#ignore(response.reason, { mac });
        return;
      case "release":
        await this.#table.release(response.address);
        this.#log.info("Address released", { mac, address: response.address });
        return;
      case "decline":
        await this.#setAside(response.address, { mac, hostname: known.host.hostname });
        return;
      case "reply":
        break;
    }
    if (response.bind !== undefined) {
      await this.#table.bind(response.bind, {
        ...{ mac, hostname: known.host.hostname, time: known.settings.leaseTime },
      });
    }
    await this.#send(response.packet, known);
  }

  async #setAside(address: Ipv4Address, holder: Holder): Promise<void> {
    await this.#table.setAside(address, holder);
    this.#log.warn("Address is in use by another machine", { mac: holder.mac, address });
  }

  async #send(packet: DhcpPacket, known: Known): Promise<void> {
    const { request, client, arrival } = known;
    const accepted = (readU16(request.options, option.maxMessageSize) ?? 0) - 28;
    const maximum = Math.min(Math.max(accepted, defaultMaximumLength), largestReply);
    const route = routeReply(request, { reply: packet, from: arrival.from, port: arrival.port });
    const socket = this.#senders.get(arrival.port);
    if (socket === undefined) {
      return;
    }
    await socket.send(encodePacket(packet, maximum), route.to);
    this.#counts.sent += 1;
    this.#log.info("DHCP answer sent", {
      mac: client.mac,
      type: messageTypeName(packet.options),
      address: packet.yiaddr,
      to: route.to.address,
      ...(packet.file === "" ? {} : { file: packet.file }),
    });
  }

  #ignore(reason: string, fields: { readonly mac?: MacAddress }): void {
    this.#counts.ignored += 1;
    this.#log.debug("DHCP message ignored", { ...fields, reason });
  }
}
