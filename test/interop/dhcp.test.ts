import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientMac, farMac, missingForRig, NetbootRig } from "./netboot-rig.ts";

const pooledMac = "52:54:00:aa:00:08";
const missing = missingForRig(["dhclient", "dhcpcd", "udhcpc", "dhcrelay", "dnsmasq"]);

describe.skipIf(missing !== undefined)(
  `DHCP with real clients${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    const rig = new NetbootRig("dhcp");

    beforeAll(async () => {
      await rig.start({
        hosts: {
          [clientMac]: { hostname: "node1", address: "10.77.0.11" },
          [pooledMac]: { hostname: "pooled" },
          [farMac]: { hostname: "far", address: "10.88.0.11" },
        } as never,
        pool: { from: "10.77.0.50", to: "10.77.0.60" },
        options: [
          [42, "0a4d00050a4d0006"],
          [119, "03656e67076578616d706c6500076578616d706c6500"],
        ],
        relayed: [{ subnet: "10.88.0.0/24", router: "10.88.0.1" }],
      });
      writeFileSync(join(rig.folder, "show"), '#!/bin/sh\necho "event=$1"\nenv\nexit 0\n', { mode: 0o755 });
    });
    afterAll(() => rig.stop());

    it("dhclient gets a lease with all options", async () => {
      const ran = await rig.run(
        'dhclient -4 -1 -v -sf "$PWD/show" -lf "$PWD/leases" -pf "$PWD/pid" v1; kill "$(cat pid)"',
      );

      for (const line of [
        "DHCPACK of 10.77.0.11 from 10.77.0.1",
        "new_subnet_mask=255.255.255.0",
        "new_routers=10.77.0.1",
        "new_domain_name=lab.example",
        "new_domain_name_servers=10.77.0.1",
        "new_host_name=node1",
        "new_broadcast_address=10.77.0.255",
        "new_dhcp_lease_time=60",
        "new_dhcp_renewal_time=30",
        "new_ntp_servers=10.77.0.5 10.77.0.6",
        "new_domain_search=eng.example. example.",
      ]) {
        expect(ran.output).toContain(line);
      }
    });

    it("dhclient that starts again keeps its address without asking for one, and is told when it is another's", async () => {
      const again =
        'dhclient -4 -1 -v -sf "$PWD/show" -lf "$PWD/leases" -pf "$PWD/pid" v1; kill "$(cat pid)"';
      const same = await rig.run(again);
      const other = await rig.run(`sed -i 's/10\\.77\\.0\\.11;/10.77.0.99;/' leases; sleep 1; ${again}`);

      expect(same.output).not.toContain("DHCPDISCOVER");
      expect(same.output).toMatch(/DHCPREQUEST for 10\.77\.0\.11 [\s\S]*DHCPACK of 10\.77\.0\.11/);
      expect(other.output).toMatch(/DHCPREQUEST for 10\.77\.0\.99 [\s\S]*DHCPNAK from 10\.77\.0\.1/);
      expect(other.output).toContain("DHCPACK of 10.77.0.11");
    });

    it("dhcpcd gets a lease, and with an address of its own is told the rest", async () => {
      const options = '-4 -1 -B --noarp -f /dev/null -c "$PWD/show"';
      const leased = await rig.run(`dhcpcd ${options} v1; ip addr flush dev v1`);
      const informed = await rig.run(
        `ip addr add 10.77.0.11/24 dev v1; dhcpcd ${options} --inform 10.77.0.11/24 v1; ip addr flush dev v1`,
      );

      expect(leased.output).toContain("leased 10.77.0.11 for 60 seconds");
      expect(informed.output).toContain("received approval for 10.77.0.11");
      expect(rig.log).toContain('"type":"ack","address":"0.0.0.0","to":"10.77.0.11"');
    });

    it("udhcpc gets the same", async () => {
      const ran = await rig.run('udhcpc -f -q -n -t 3 -T 1 -i v1 -s "$PWD/show"');

      expect(ran.code).toBe(0);
      for (const line of [
        "event=bound",
        "ip=10.77.0.11",
        "subnet=255.255.255.0",
        "router=10.77.0.1",
        "lease=60",
      ]) {
        expect(ran.output).toContain(line);
      }
    });

    it("udhcpc renews by unicast and releases", async () => {
      await rig.run("ip addr add 10.77.0.11/24 dev v1");
      const line =
        'udhcpc -f -R -n -t 3 -T 1 -i v1 -s "$PWD/show" & sleep 2; kill -USR1 $!; sleep 2; kill -TERM $!; wait';
      const ran = await rig.run(line);
      await rig.waitFor(() => rig.log.includes("Address released"), 3000);
      await rig.run("ip addr flush dev v1");

      expect(ran.output).toContain("event=renew");
      expect(rig.log).toContain('"to":"10.77.0.11"');
    });

    it("a machine that is not known gets nothing", async () => {
      const before = rig.log.split("DHCP answer sent").length;

      const ran = await rig.run(
        `ip link set v1 down; ip link set v1 address 52:54:00:bb:00:01 up; udhcpc -f -q -n -t 2 -T 1 -i v1 -s "$PWD/show"; ip link set v1 down; ip link set v1 address ${clientMac} up`,
      );

      expect(ran.output).toContain("no lease, failing");
      expect(rig.log.split("DHCP answer sent").length).toBe(before);
      expect(rig.log).toContain("unknown machine");
    });

    it("a machine that finds its address in use declines it, and gets silence until that is over", async () => {
      await rig.runBesideServer(
        "ip link add d0 type bridge; ip addr add 10.77.0.11/32 dev d0; ip link set d0 up",
      );
      const ran = await rig.run('udhcpc -a -A 1 -f -q -n -t 2 -T 1 -i v1 -s "$PWD/show"');
      await rig.runBesideServer("ip link del d0");

      expect(ran.output).toContain("event=leasefail");
      expect(rig.log).toContain('"message":"Address is in use by another machine"');
      expect(rig.log).toContain("was found to be in use by another machine");
    });

    it("an address of the pool that somebody answers for is not offered", async () => {
      await rig.runBesideServer("ip addr add 10.77.0.1/24 dev br0 2>/dev/null; true");
      await rig.run(
        "ip link add link v1 name m0 type macvlan mode bridge; ip addr add 10.77.0.50/24 dev m0; ip link set m0 up",
      );
      const ran = await rig.run(
        `ip link add link v1 name m1 type macvlan mode bridge; ip link set m1 address ${pooledMac} up; udhcpc -f -q -n -t 3 -T 2 -i m1 -s "$PWD/show"; ip link del m1; ip link del m0`,
      );

      expect(ran.output).toContain("ip=10.77.0.51");
      expect(rig.log).toContain('"address":"10.77.0.50"');
    });

    it("a machine behind a relay gets its subnet's settings, and renews by itself through the router", async () => {
      await rig.run(
        "ip addr add 10.77.0.2/24 dev v1; ip addr add 10.88.0.1/24 dev v2; sysctl -qw net.ipv4.ip_forward=1",
      );
      await rig.runBesideServer("ip route add 10.88.0.0/24 via 10.77.0.2");
      const relay = rig.run("dhcrelay -4 -d -a -iu v1 -id v2 10.77.0.1 & echo $! > relay.pid; wait", 60);
      await rig.run("sleep 1");
      await rig.runFar("ip addr add 10.88.0.11/24 dev v3; ip route add default via 10.88.0.1");
      const ran = await rig.runFar(
        'udhcpc -f -n -t 4 -T 2 -i v3 -s "$PWD/show" & sleep 5; kill -USR1 $!; sleep 2; kill -TERM $!; wait',
      );
      await rig.run('kill "$(cat relay.pid)"; ip addr flush dev v1');
      const relayed = await relay;

      expect(ran.output, relayed.output).toContain("event=bound");
      for (const line of ["ip=10.88.0.11", "router=10.88.0.1", "subnet=255.255.255.0", "event=renew"]) {
        expect(ran.output).toContain(line);
      }
      expect(rig.log).toContain('"to":"10.88.0.1"');
      expect(rig.log).toContain('"to":"10.88.0.11"');
    });

    it("another server that a client chooses is told of", async () => {
      const dnsmasq = rig.runFar(
        'ip addr flush dev v3; ip addr add 10.77.0.9/24 dev v3; dnsmasq -k --conf-file=/dev/null --port=0 --interface=v3 --bind-interfaces --no-ping --dhcp-range=10.77.0.200,10.77.0.220,60 --dhcp-leasefile="$PWD/l" --pid-file="$PWD/dnsmasq.pid" --user=root',
      );
      const ran = await rig.run(
        'ip addr flush dev v2; ip link add br9 type bridge; ip link set v1 master br9; ip link set v2 master br9; ip link set br9 address 52:54:00:bb:00:09 up; sleep 1; udhcpc -f -q -n -t 5 -T 1 -i br9 -s "$PWD/show"; ip link del br9; kill "$(cat dnsmasq.pid)"',
      );
      await dnsmasq;

      expect(ran.output).toContain("event=bound");
      expect(rig.log).toContain('"message":"Another DHCP server answers here"');
      expect(rig.log).toContain('"server":"10.77.0.9"');
    });
  },
);
