import { expect, it } from "vitest";
import type { Ipv4Address } from "../../base/net-types.ts";
import { nodeDatagramSockets } from "../../netboot/node-udp.ts";
import { describeDatagramSockets } from "../contracts/datagram-socket.ts";
import { FakeLan, VirtualClock } from "../fakes/network.ts";

const clock = new VirtualClock();

describeDatagramSockets("node:dgram", {
  sockets: nodeDatagramSockets,
  address: "127.0.0.1",
  settle: async (done) => {
    for (let turn = 0; turn < 200 && !done(); turn++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  },
});

describeDatagramSockets("the fake LAN", {
  sockets: new FakeLan(clock),
  address: "10.0.0.1",
  settle: (done) => clock.run(done, 1000),
});

it("open() says that no interface has the address, and where to look", async () => {
  const opening = nodeDatagramSockets.open({
    local: { address: "192.0.2.1" as Ipv4Address, port: 0 },
    receive: () => undefined,
  });

  await expect(opening).rejects.toMatchObject({
    code: "bad-input",
    details: { hint: expect.stringContaining("ip -4 address") },
  });
});
