import { describe, expect, it } from "vitest";
import { fromHex, fromLatin1, toLatin1 } from "../../../base/bytes.ts";
import type { Ipv4Address } from "../../../base/net-types.ts";
import { duration } from "../../../base/quantity.ts";
import { err, ok, type Result } from "../../../base/result.ts";
import type { BootDecision } from "../../../netboot/booter.ts";
import { readClient } from "../../../netboot/dhcp/client.ts";
import { addressesValue, messageType, option, readAddress, readU8 } from "../../../netboot/dhcp/options.ts";
import { type DhcpPacket, decodePacket } from "../../../netboot/dhcp/packet.ts";
import { type Response, respond } from "../../../netboot/dhcp/respond.ts";
import { routeReply } from "../../../netboot/dhcp/route.ts";
import type { DhcpSettings } from "../../../netboot/dhcp/settings.ts";
import { dhclientDiscover, ipxeBiosDiscover, ovmfDiscover } from "./captured-packets.ts";

const server = "10.77.0.1" as Ipv4Address;
const own = "10.77.0.11" as Ipv4Address;
const other = "10.77.0.99" as Ipv4Address;
const settings: DhcpSettings = {
  ...{ interfaceName: "eth1", mode: "server", address: server, leaseTime: duration(3_600_000) },
  subnet: { network: "10.77.0.0" as Ipv4Address, prefix: 24 },
  ...{ router: server, dns: [server], domain: "lab.example" },
  boot: {
    httpBase: "http://10.77.0.1:8088",
    loaders: { "bios-x86": "undionly.kpxe", "uefi-x64": "snponly.efi" },
  },
};
const armed: BootDecision = { kind: "install", kernel: "/k", initrds: ["/i"], cmdline: "", reason: "armed" };
const local: BootDecision = { kind: "local-disk", reason: "installed" };

interface Change {
  readonly header?: Partial<DhcpPacket>;
  readonly options?: readonly (readonly [number, Uint8Array | undefined])[];
  readonly type?: number;
}

function request(hex: string, change: Change = {}): DhcpPacket {
  const packet = decodePacket(fromHex(hex)!);
  if (!packet.ok) {
    throw new Error(packet.error);
  }
  const options = new Map(packet.value.options);
  options.set(option.messageType, Uint8Array.of(change.type ?? messageType.discover));
  for (const [code, value] of change.options ?? []) {
    if (value === undefined) {
      options.delete(code);
    } else {
      options.set(code, value);
    }
  }
  return { ...packet.value, ...change.header, options };
}

function answer(
  packet: DhcpPacket,
  how: {
    readonly address?: Result<Ipv4Address, string>;
    readonly decision?: BootDecision;
    readonly mode?: "server" | "proxy";
    readonly port?: number;
    readonly options?: DhcpSettings["options"];
    readonly loaders?: DhcpSettings["boot"]["loaders"];
    readonly serverId?: Ipv4Address;
    readonly httpLoader?: NonNullable<DhcpSettings["boot"]["httpLoader"]>;
  } = {},
): Response {
  const client = readClient(packet);
  if (!client.ok) {
    throw new Error(client.error);
  }
  return respond({
    ...{ request: packet, client: client.value, host: { hostname: "node1" }, port: how.port ?? 67 },
    settings: {
      ...settings,
      mode: how.mode ?? "server",
      options: how.options ?? [],
      ...(how.serverId === undefined ? {} : { serverId: how.serverId }),
      ...bootOf(how),
    },
    address: how.address ?? ok(own),
    ...(how.decision === undefined ? {} : { decision: how.decision }),
  });
}

function bootOf({
  loaders,
  httpLoader,
}: Partial<Pick<DhcpSettings["boot"], "loaders" | "httpLoader">>): Pick<DhcpSettings, "boot"> {
  return {
    boot: {
      ...settings.boot,
      ...(loaders === undefined ? {} : { loaders }),
      ...(httpLoader === undefined ? {} : { httpLoader }),
    },
  };
}

function replyOf(response: Response): DhcpPacket {
  if (response.kind !== "reply") {
    throw new Error(`no reply: ${JSON.stringify(response)}`);
  }
  return response.packet;
}

const ip = (address: Ipv4Address): Uint8Array => addressesValue([address]);

describe("a site's own options", () => {
  const options = [
    [42, Uint8Array.of(10, 0, 0, 5)],
    [119, Uint8Array.of(0)],
  ] as const;
  const told = (wanted: Uint8Array | undefined): readonly number[] => {
    const packet = request(dhclientDiscover, { options: [[option.parameterList, wanted]] });
    const { options: said } = replyOf(answer(packet, { options }));
    return [...said.keys()].filter((code) => code === 42 || code === 119);
  };

  it("are told to those who ask for them, and to those who tell no wishes", () => {
    expect(told(Uint8Array.of(1, 119, 42))).toEqual([119, 42]);
    expect(told(Uint8Array.of(1, 3))).toEqual([]);
    expect(told(undefined)).toEqual([42, 119]);
  });

  it("are not told beside another DHCP server", () => {
    const packet = request(ovmfDiscover, { options: [[option.parameterList, Uint8Array.of(42)]] });

    expect(replyOf(answer(packet, { options, mode: "proxy", decision: armed })).options.has(42)).toBe(false);
  });
});

describe("respond() as RFC 2131 section 4.3 wants it", () => {
  const cases: readonly {
    readonly name: string;
    readonly change: Change;
    readonly address?: Result<Ipv4Address, string>;
    readonly expected: string;
  }[] = [
    { name: "offers at DISCOVER", change: {}, expected: "2 10.77.0.11 offer 10.77.0.11" },
    {
      name: "is silent at DISCOVER where there is no address",
      change: {},
      address: err("the pool is used up"),
      expected: "ignore",
    },
    {
      name: "acknowledges the REQUEST of its offer",
      change: {
        type: 3,
        options: [
          [54, ip(server)],
          [50, ip(own)],
        ],
      },
      expected: "5 10.77.0.11 bind 10.77.0.11",
    },
    {
      name: "leaves the REQUEST of another server's offer alone",
      change: {
        type: 3,
        options: [
          [54, ip(other)],
          [50, ip(own)],
        ],
      },
      expected: "ignore",
    },
    {
      name: "acknowledges INIT-REBOOT with the right address",
      change: { type: 3, options: [[50, ip(own)]] },
      expected: "5 10.77.0.11 bind 10.77.0.11",
    },
    {
      name: "refuses INIT-REBOOT with another address",
      change: { type: 3, options: [[50, ip(other)]] },
      expected: "6 0.0.0.0",
    },
    {
      name: "refuses INIT-REBOOT with another network's address",
      change: { type: 3, options: [[50, ip("192.0.2.7" as Ipv4Address)]] },
      expected: "6 0.0.0.0",
    },
    {
      name: "renews",
      change: { type: 3, header: { ciaddr: own } },
      expected: "5 10.77.0.11 bind 10.77.0.11",
    },
    {
      name: "refuses to renew an address that is the machine's no more",
      change: { type: 3, header: { ciaddr: other } },
      expected: "6 0.0.0.0",
    },
    {
      name: "refuses a REQUEST where the machine can have no address now",
      change: { type: 3, options: [[50, ip(own)]] },
      address: err("in use"),
      expected: "6 0.0.0.0",
    },
    { name: "ignores a REQUEST that names no address", change: { type: 3 }, expected: "ignore" },
    {
      name: "takes a RELEASE",
      change: { type: 7, header: { ciaddr: own }, options: [[54, ip(server)]] },
      expected: "release 10.77.0.11",
    },
    {
      name: "ignores a RELEASE of somebody else's address",
      change: { type: 7, header: { ciaddr: other }, options: [[54, ip(server)]] },
      expected: "ignore",
    },
    {
      name: "takes a DECLINE",
      change: {
        type: 4,
        options: [
          [54, ip(server)],
          [50, ip(own)],
        ],
      },
      expected: "decline 10.77.0.11",
    },
    {
      name: "ignores a DECLINE for another server",
      change: {
        type: 4,
        options: [
          [54, ip(other)],
          [50, ip(own)],
        ],
      },
      expected: "ignore",
    },
    {
      name: "answers INFORM without an address",
      change: { type: 8, header: { ciaddr: own } },
      expected: "5 0.0.0.0",
    },
    {
      name: "ignores INFORM from outside its subnet",
      change: { type: 8, header: { ciaddr: "192.0.2.7" as Ipv4Address } },
      expected: "ignore",
    },
  ];
  it.each(cases)("$name", ({ change, address, expected }) => {
    const response = answer(request(dhclientDiscover, { options: [[50, undefined]], ...change }), {
      ...(address === undefined ? {} : { address }),
    });

    const shown =
      response.kind === "ignore"
        ? "ignore"
        : response.kind === "reply"
          ? [
              readU8(response.packet.options, option.messageType),
              response.packet.yiaddr,
              ...(response.bind === undefined ? [] : ["bind", response.bind]),
              ...(response.offer === undefined ? [] : ["offer", response.offer]),
            ].join(" ")
          : `${response.kind} ${response.address}`;
    expect(shown).toBe(expected);
  });

  it("gives an operating system all that it needs, in the order it asked for, netmask before router", () => {
    const packet = replyOf(
      answer(request(dhclientDiscover, { options: [[55, Uint8Array.of(12, 3, 1, 15)]] })),
    );

    const { options } = packet;
    expect([...options.keys()]).toEqual([53, 54, 51, 58, 59, 1, 12, 3, 15, 6, 28]);
    expect(readAddress(options, 1)).toBe("255.255.255.0");
    expect(readAddress(options, 28)).toBe("10.77.0.255");
    expect(toLatin1(options.get(12)!)).toBe("node1");
    expect([51, 58, 59].map((code) => [...options.get(code)!])).toEqual([
      [0, 0, 14, 16],
      [0, 0, 7, 8],
      [0, 0, 12, 78],
    ]);
    expect(packet).toMatchObject({ op: 2, siaddr: "0.0.0.0", file: "" });
  });

  it("gives INFORM no lease time (section 4.3.5)", () => {
    const packet = replyOf(answer(request(dhclientDiscover, { type: 8, header: { ciaddr: own } })));

    expect([51, 58, 59].some((code) => packet.options.has(code))).toBe(false);
    expect(packet.ciaddr).toBe(own);
  });

  it("returns client identifier, UUID and relay information as they came, also in a NAK", () => {
    const echo = [
      [61, Uint8Array.of(1, 2)],
      [97, Uint8Array.of(0, 9)],
      [82, Uint8Array.of(1, 1, 7)],
    ] as const;
    for (const change of [{ options: echo }, { type: 3, options: [...echo, [50, ip(other)] as const] }]) {
      const packet = replyOf(answer(request(dhclientDiscover, change)));

      expect(echo.map(([code]) => packet.options.get(code))).toEqual(echo.map(([, value]) => value));
    }
  });

  it.each([
    ["the relay", 54, "10.77.0.254"],
    ["the server itself, from before", 54, server],
  ])("calls itself as the relay wants, and is meant by who names %s", (_, code, named) => {
    const giaddr = "10.77.0.254" as Ipv4Address;
    const chosen: Change = {
      type: 3,
      header: { giaddr },
      options: [
        [code, ip(named as Ipv4Address)],
        [50, ip(own)],
      ],
    };

    const packet = replyOf(answer(request(dhclientDiscover, chosen), { serverId: giaddr }));

    expect(packet.options.get(53)).toEqual(Uint8Array.of(5));
    expect(packet.options.get(54)).toEqual(ip(giaddr));
  });

  it("asks the relay to broadcast a NAK", () => {
    const giaddr = "10.77.0.254" as Ipv4Address;
    const packet = replyOf(
      answer(request(dhclientDiscover, { type: 3, header: { giaddr }, options: [[50, ip(other)]] })),
    );

    expect(packet.flags & 0x8000).toBe(0x8000);
    expect(packet.giaddr).toBe(giaddr);
  });
});

describe("respond() to machines that netboot", () => {
  const http = request(ovmfDiscover, {
    options: [
      [60, fromLatin1("HTTPClient:Arch:00016:UNDI:003001")],
      [93, Uint8Array.of(0, 16)],
    ],
  });
  const bios = request(ovmfDiscover, {
    options: [
      [60, fromLatin1("PXEClient:Arch:00000:UNDI:002001")],
      [93, Uint8Array.of(0, 0)],
    ],
  });
  const script = "http://10.77.0.1:8088/boot/ipxe?mac=52:54:00:aa:00:02&arch=0";
  it.each([
    ["BIOS firmware", bios, armed, "undionly.kpxe", undefined],
    ["UEFI x64 firmware", request(ovmfDiscover), armed, "snponly.efi", undefined],
    ["firmware of an installed machine", request(ovmfDiscover), local, "snponly.efi", undefined],
    ["iPXE, not looped", request(ipxeBiosDiscover), armed, script, undefined],
    ["iPXE of an installed machine", request(ipxeBiosDiscover), local, script, undefined],
    [
      "iPXE without HTTP",
      request(ipxeBiosDiscover, { options: [[175, Uint8Array.of(21, 1, 1)]] }),
      armed,
      "ipxe/52-54-00-aa-00-02/0.ipxe",
      undefined,
    ],
    ["HTTP boot firmware", http, armed, "", "http://10.77.0.1:8088/boot/loader/snponly.efi"],
    [
      "arm64, which has no loader",
      request(ovmfDiscover, { options: [[93, Uint8Array.of(0, 11)]] }),
      armed,
      "",
      undefined,
    ],
    [
      "a machine to be left alone",
      request(ovmfDiscover),
      { kind: "ignore", reason: "-" } as const,
      "",
      undefined,
    ],
  ])("names the boot file for %s", (_, packet, decision, file, option67) => {
    const reply = replyOf(answer(packet, { decision }));

    expect(reply.file).toBe(file);
    expect(reply.options.has(67) ? toLatin1(reply.options.get(67)!) : undefined).toBe(option67);
    expect(reply.siaddr).toBe(file === "" && option67 === undefined ? "0.0.0.0" : server);
    expect(reply.yiaddr).toBe(own);
  });

  it.each([
    ["a PC", 16, { "uefi-x64": "snponly.efi" }, "snponly.efi"],
    ["an ARM server", 19, { "uefi-arm64": "ipxe-arm64.efi" }, "ipxe-arm64.efi"],
    ["an ARM server where GRUB would be loaded", 19, { "uefi-arm64": "grubaa64.efi" }, undefined],
    ["a PC where a shim would be loaded", 16, { "uefi-x64": "shimx64.efi" }, undefined],
  ])("names a URL for %s that boots by HTTP, but none that would strand it", (_, arch, loaders, name) => {
    const packet = request(ovmfDiscover, {
      options: [
        [60, fromLatin1(`HTTPClient:Arch:000${arch}:UNDI:003001`)],
        [93, Uint8Array.of(0, arch)],
      ],
    });

    const { options } = replyOf(answer(packet, { decision: armed, loaders }));

    const url = options.has(67) ? toLatin1(options.get(67)!) : undefined;
    expect(url).toBe(name && `http://10.77.0.1:8088/boot/loader/${name}`);
    expect(options.has(60)).toBe(name !== undefined);
  });

  it.each([
    ["the GRUB of a flavor", { "uefi-arm64": "grubaa64.efi" }, "grubhttpaa64.efi"],
    ["the site's own loader where it speaks HTTP", { "uefi-arm64": "ipxe-arm64.efi" }, "ipxe-arm64.efi"],
  ])("names to an ARM server that boots by HTTP %s", (_, loaders, name) => {
    const packet = request(ovmfDiscover, {
      options: [
        [60, fromLatin1("HTTPClient:Arch:00019:UNDI:003001")],
        [93, Uint8Array.of(0, 19)],
      ],
    });
    const httpLoader = (target: string) => (target === "uefi-arm64" ? "grubhttpaa64.efi" : undefined);

    const { options } = replyOf(answer(packet, { decision: armed, loaders, httpLoader }));

    expect(toLatin1(options.get(67)!)).toBe(`http://10.77.0.1:8088/boot/loader/${name}`);
    expect(toLatin1(options.get(60)!)).toBe("HTTPClient");
  });

  it("names a loader that speaks HTTP to no firmware that boots by PXE", () => {
    const packet = request(ovmfDiscover, { options: [[93, Uint8Array.of(0, 11)]] });

    const reply = replyOf(
      answer(packet, { decision: armed, loaders: {}, httpLoader: () => "grubhttpaa64.efi" }),
    );

    expect(reply.file).toBe("");
  });

  it("tells PXE firmware to load the file at once, HTTP firmware its own class, iPXE not to wait for a proxy", () => {
    const pxe = replyOf(answer(request(ovmfDiscover), { decision: armed })).options;
    const uefiHttp = replyOf(answer(http, { decision: armed })).options;
    const ipxe = replyOf(answer(request(ipxeBiosDiscover), { decision: armed })).options;

    expect(toLatin1(pxe.get(60)!)).toBe("PXEClient");
    expect([...pxe.get(43)!]).toEqual([6, 1, 8, 255]);
    expect(toLatin1(uefiHttp.get(60)!)).toBe("HTTPClient");
    expect([...ipxe.get(175)!]).toEqual([0xb0, 1, 1]);
  });

  it.each([
    ["offers a boot file but no address", request(ovmfDiscover), 67, "2"],
    ["acknowledges the second question on 4011", request(ovmfDiscover, { type: 3 }), 4011, "5"],
    ["leaves REQUESTs on 67 to the site's server", request(ovmfDiscover, { type: 3 }), 67, "ignore"],
    ["leaves operating systems to the site's server", request(dhclientDiscover), 67, "ignore"],
  ])("as a proxy %s", (_, packet, port, expected) => {
    const decision = packet.options.has(93) ? { decision: armed } : {};
    const response = answer(packet, { mode: "proxy", port, ...decision });

    if (response.kind !== "reply") {
      expect(response.kind).toBe(expected);
      return;
    }
    expect(String(readU8(response.packet.options, 53))).toBe(expected);
    expect(response).not.toHaveProperty("bind");
    expect(response.packet).toMatchObject({ yiaddr: "0.0.0.0", file: "snponly.efi" });
    expect([1, 3, 6, 51].some((code) => response.packet.options.has(code))).toBe(false);
  });
});

describe("routeReply()", () => {
  const from = { address: "10.77.0.50" as Ipv4Address, port: 68 };
  it.each([
    ["an offer by broadcast, as the client has no address yet", {}, 67, "broadcast 255.255.255.255:68"],
    [
      "through the relay it came by",
      { header: { giaddr: "10.77.0.254" as Ipv4Address } },
      67,
      "relay 10.77.0.254:67",
    ],
    [
      "to a client that renews at its address",
      { type: 3, header: { ciaddr: own } },
      67,
      "unicast 10.77.0.11:68",
    ],
    [
      "a NAK by broadcast even to a client that renews",
      { type: 3, header: { ciaddr: other } },
      67,
      "broadcast 255.255.255.255:68",
    ],
    ["back to who asked on 4011", { type: 3 }, 4011, "back 10.77.0.50:68"],
  ])("sends %s", (_, change, port, expected) => {
    const packet = request(ovmfDiscover, change);
    const proxied = port === 4011;
    const reply = replyOf(answer(packet, { decision: armed, port, mode: proxied ? "proxy" : "server" }));

    const route = routeReply(packet, { reply, from, port });

    expect(`${route.kind} ${route.to.address}:${route.to.port}`).toBe(expected);
  });
});
