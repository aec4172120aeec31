/**
 * Asks all DHCP servers on an interface's wire, as several kinds of machine at once, and collects every answer. Nothing is
 * taken: no REQUEST follows the offers.
 *
 * Like the server it has two sockets, here on port 68: what is sent leaves by the interface whose address the sender is bound to, and
 * the answers, which the broadcast flag makes broadcasts, are heard by the other. Both share the port with a DHCP client of
 * this machine.
 */
import { AppError, toAppError } from "../../base/errors.ts";
import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import type { Clock, Random } from "../../base/ports.ts";
import { duration } from "../../base/quantity.ts";
import { decodePacket } from "../dhcp/packet.ts";
import { bootServerPort } from "../dhcp/route.ts";
import type { DatagramSockets, Endpoint } from "../udp.ts";
import { decodeByPeer, encodeByPeer } from "./dhcp-peer.ts";
import {
  type AskerKind,
  type DhcpAnswer,
  type DhcpQuestion,
  findQuestion,
  questionPacket,
  readAnswer,
} from "./dhcp-question.ts";

export interface DhcpProbe {
  /** The interface's own address: its wire is asked. */
  readonly address: Ipv4Address;
  readonly askers: readonly { readonly kind: AskerKind; readonly mac: MacAddress }[];
  /** How long answers are waited for: some servers ping an address for three seconds before they offer it. */
  readonly wait: number;
  /** Also asks this machine's port 4011 as firmware asks a proxy. */
  readonly bootServer?: boolean;
  readonly sockets: DatagramSockets;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal;
}

const serverPort = 67;
const clientPort = 68;
const everyone = "255.255.255.255" as Ipv4Address;
const anyAddress = "0.0.0.0" as Ipv4Address;
/** More answers than this come from nobody who means well. */
const answerLimit = 256;

/** Rejects `conflict` where port 68 is taken, `io` where the interface is down. The same answer is told once. */
export async function probeDhcp(probe: DhcpProbe): Promise<readonly DhcpAnswer[]> {
  const questions = probe.askers.map((asker) => ({ ...asker, xid: randomXid(probe.random) }));
  const answers = new Map<string, DhcpAnswer>();
  const receive = (bytes: Uint8Array, from: Endpoint): void => {
    const answer = understand(bytes, { from, questions });
    if (answer !== undefined && answers.size < answerLimit) {
      answers.set(JSON.stringify(answer), answer);
    }
  };
  const port = { broadcast: true, shared: true, receive };
  const listener = await probe.sockets.open({ ...port, local: { address: anyAddress, port: clientPort } });
  try {
    const sender = await probe.sockets.open({ ...port, local: { address: probe.address, port: clientPort } });
    try {
      // Twice, since a busy wire loses packets; servers answer the same thing again.
      for (const part of [0.3, 0.7]) {
        for (const question of questions) {
          await sender.send(encodeByPeer(questionPacket(question)), { address: everyone, port: serverPort });
          if (probe.bootServer === true && question.kind !== "plain") {
            const packet = questionPacket(question, probe.address);
            await sender.send(encodeByPeer(packet), { address: probe.address, port: bootServerPort });
          }
        }
        await probe.clock.sleep(duration(Math.round(probe.wait * part)), probe.signal);
      }
    } finally {
      await sender.close();
    }
  } catch (error) {
    throw probe.signal?.aborted === true
      ? new AppError("cancelled", "Stopped asking for DHCP servers", { cause: error })
      : toAppError(error, "io");
  } finally {
    await listener.close();
  }
  return [...answers.values()];
}

function understand(
  bytes: Uint8Array,
  context: { readonly from: Endpoint; readonly questions: readonly DhcpQuestion[] },
): DhcpAnswer | undefined {
  const packet = decodePacket(bytes);
  const question = packet.ok ? findQuestion(packet.value, context.questions) : undefined;
  if (!packet.ok || question === undefined) {
    return undefined;
  }
  const peer = decodeByPeer(bytes);
  return readAnswer(question, {
    packet: packet.value,
    peer: peer.ok ? peer.value : undefined,
    from: context.from,
  });
}

function randomXid(random: Random): number {
  return random.bytes(4).reduce((value, byte) => value * 256 + byte, 0);
}
