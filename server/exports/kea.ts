import { toHex } from "../../base/bytes.ts";
import { cidrBroadcast, formatCidr } from "../../base/net-types.ts";
import { ok } from "../../base/result.ts";
import { clientUuidValue } from "../../netboot/dhcp/pxe-options.ts";
import { type BootChoice, bootChoices } from "./boot-choices.ts";
import {
  checkedNetworks,
  type ExportNetwork,
  type ExportSite,
  notice,
  pooledNodes,
  poolWithout,
  type Render,
  reservations,
  uuidNodes,
} from "./site.ts";

/** Renders kea-dhcp4.conf of Kea 2.2 and later: known machines only. */
export const renderKea: Render = (site) => {
  const networks = checkedNetworks(site);
  if (!networks.ok) {
    return networks;
  }
  const all = networks.value;
  const addresses = all.flatMap((network) => reservations(site, network).map(({ node }) => node.ip));
  const config = {
    Dhcp4: {
      comment: notice,
      "interfaces-config": {
        interfaces: [...new Set(all.map(({ interfaceName }) => interfaceName))],
        // A cable that is not plugged in when Kea starts would leave it deaf for ever: it tries again every five seconds.
        "service-sockets-max-retries": 1_000_000,
        "service-sockets-retry-wait-time": 5000,
      },
      "lease-database": { type: "memfile", persist: true },
      // Two cards of one node have one address.
      "ip-reservations-unique": new Set(addresses).size === addresses.length,
      "reservations-global": true,
      "reservations-in-subnet": true,
      "client-classes": [
        ...nodeClasses(site, all),
        ...all.flatMap((network, index) =>
          bootChoices(network).map((choice) => clientClass(choice, { network, prefix: `net${index + 1}` })),
        ),
      ],
      reservations: pooledNodes(site).flatMap(({ name, macs }) =>
        macs.map((mac) => ({ "hw-address": mac, hostname: name })),
      ),
      subnet4: all.map((network, index) => subnetOf(site, { network, index })),
    },
  };
  return ok([{ name: "kea-dhcp4.conf", text: `${JSON.stringify(config, undefined, 2)}\n` }]);
};

const pooledClass = "ingot-pooled";

/** Reservations by option 97 want a hook that many a Kea lacks; a class can see it, and a pool of one address be that class's. */
function nodeClasses(site: ExportSite, networks: readonly ExportNetwork[]): readonly object[] {
  const all = new Map(
    networks.flatMap((network) => uuidNodes(site, network)).map((one) => [one.node.name, one]),
  );
  const pooled = [...all.values()].filter(({ ip }) => ip === undefined);
  return [
    ...[...all.values()].map(({ uuid, node }) => ({
      name: `node-${node.name}`,
      test: `option[97].hex == 0x${toHex(clientUuidValue(uuid))}`,
      "option-data": [{ name: "host-name", data: node.name }],
    })),
    ...(pooled.length === 0
      ? []
      : [
          {
            name: pooledClass,
            test: ["KNOWN", ...pooled.map(({ node }) => `node-${node.name}`)]
              .map((name) => `member('${name}')`)
              .join(" or "),
          },
        ]),
  ];
}

function poolsOf(site: ExportSite, network: ExportNetwork): readonly object[] {
  const byUuid = uuidNodes(site, network);
  const own = byUuid.flatMap(({ ip, node }) => (ip === undefined ? [] : [{ ip, node }]));
  const shared = byUuid.length > own.length ? pooledClass : "KNOWN";
  return [
    ...poolWithout(
      network.pool,
      own.map(({ ip }) => ip),
    ).map(({ from, to }) => ({ pool: `${from} - ${to}`, "client-class": shared })),
    ...own.map(({ ip, node }) => ({ pool: `${ip} - ${ip}`, "client-class": `node-${node.name}` })),
  ];
}

/** Classes are evaluated per subnet: each network's own Ingot address stands in its own. */
function clientClass(
  choice: BootChoice,
  at: { readonly network: ExportNetwork; readonly prefix: string },
): object {
  const arch = choice.arch.map((code) => `option[93].hex == 0x${code.toString(16).padStart(4, "0")}`);
  const ipxe = "option[77].hex == 0x69505845";
  return {
    name: `${at.prefix}-${choice.name}`,
    test: `(${arch.join(" or ")}) and ${choice.isIpxe ? ipxe : `not (${ipxe})`}`,
    "only-if-required": true,
    "next-server": at.network.server,
    "boot-file-name": choice.file,
    ...(choice.isHttp
      ? { "option-data": [{ name: "vendor-class-identifier", data: "HTTPClient", "always-send": true }] }
      : {}),
  };
}

function subnetOf(site: ExportSite, at: { readonly network: ExportNetwork; readonly index: number }): object {
  const { subnet, router, dns, domain, leaseSeconds, options } = at.network;
  const option = (name: string, data: string): object => ({ name, data });
  return {
    id: at.index + 1,
    subnet: formatCidr(subnet),
    "valid-lifetime": leaseSeconds,
    "require-client-classes": bootChoices(at.network).map(({ name }) => `net${at.index + 1}-${name}`),
    "calculate-tee-times": true,
    "option-data": [
      option("broadcast-address", cidrBroadcast(subnet)),
      ...(router === undefined ? [] : [option("routers", router)]),
      ...(dns.length === 0 ? [] : [option("domain-name-servers", dns.join(", "))]),
      ...(domain === undefined ? [] : [option("domain-name", domain)]),
      // As bytes: Kea has forms of its own for those that it knows.
      ...options.map(([code, value]) => ({ code, "csv-format": false, data: toHex(value) })),
    ],
    pools: poolsOf(site, at.network),
    reservations: reservations(site, at.network).map(({ mac, node }) => ({
      "hw-address": mac,
      "ip-address": node.ip,
      hostname: node.name,
    })),
  };
}
