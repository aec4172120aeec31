/** The configuration file's shape, defaults and explanations. docs/configuration.md is checked against this file. */
import { z } from "zod";
import {
  cidrContains,
  type Ipv4Address,
  type Ipv4Cidr,
  ipv4ToNumber,
  parseCidr,
  parseIpv4,
} from "../../base/net-types.ts";
import { type Duration, parseByteSize, parseDuration } from "../../base/quantity.ts";
import { err, type Result } from "../../base/result.ts";
import {
  type EncodedOption,
  encodeSiteOption,
  type SiteOptionValue,
} from "../../netboot/dhcp/site-option.ts";
import { parseGroupName, parseKernelArguments } from "../hosts/host.ts";

function parsed<T>(parse: (text: string) => Result<T, string>): z.ZodType<T, string> {
  return z.string().transform((text, context): T => {
    const result = parse(text);
    if (!result.ok) {
      context.addIssue({ code: "custom", message: result.error });
      return z.NEVER;
    }
    return result.value;
  });
}

const ipv4 = parsed<Ipv4Address>(parseIpv4);
const cidr = parsed<Ipv4Cidr>(parseCidr);
const span = parsed<Duration>(parseDuration);
const port = z.int().min(1).max(65_535);
const absolutePath = z.string().regex(/^\//, "expected an absolute path");

/** `ADDRESS:PORT`; port 0 lets the kernel choose. */
const listenAddress = z.string().transform((text, context) => {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  const number = Number(match?.[2]);
  if (match?.[1] === undefined || number > 65_535) {
    context.addIssue({ code: "custom", message: `'${text}' is not ADDRESS:PORT, such as 127.0.0.1:8443` });
    return z.NEVER;
  }
  return { host: match[1].replace(/^\[(.*)\]$/, "$1"), port: number };
});

const Pool = z.strictObject({ from: ipv4, to: ipv4 });

/** An option of DHCP that Ingot does not know, in one of four forms. */
const SiteOption = z
  .strictObject({
    code: z.int(),
    addresses: z.array(ipv4).max(32).optional(),
    text: z.string().max(255).optional(),
    domains: z.array(z.string().max(253)).max(16).optional(),
    hex: z.string().max(767).optional(),
  })
  .transform(({ code, addresses, text, domains, hex }, context): EncodedOption => {
    const forms: readonly (SiteOptionValue | undefined)[] = [
      addresses && { addresses },
      text === undefined ? undefined : { text },
      domains && { domains },
      hex === undefined ? undefined : { hex },
    ];
    const [value, another] = forms.filter((form) => form !== undefined);
    const encoded: Result<EncodedOption, string> =
      value === undefined || another !== undefined
        ? err(`option ${code} wants one of addresses, text, domains and hex`)
        : encodeSiteOption(code, value);
    if (!encoded.ok) {
      context.addIssue({ code: "custom", message: encoded.error });
      return z.NEVER;
    }
    return encoded.value;
  });

const siteOptions = z.array(SiteOption).max(64);

/** A subnet behind a relay agent. */
const Relayed = z
  .strictObject({
    subnet: cidr,
    router: ipv4.optional(),
    dns: z.array(ipv4).max(8).optional(),
    domain: z.string().max(253).optional(),
    leaseTime: span.optional(),
    options: siteOptions.optional(),
    pool: Pool.optional(),
  })
  .superRefine((value, context) => {
    for (const message of outside(value.subnet, [value.router, value.pool?.from, value.pool?.to])) {
      context.addIssue({ code: "custom", message });
    }
    if (value.pool !== undefined && ipv4ToNumber(value.pool.from) > ipv4ToNumber(value.pool.to)) {
      context.addIssue({ code: "custom", path: ["pool"], message: "the pool's from is above its to" });
    }
  });

const fileName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "expected a file's name without folders");

/** First loaders other than the usual ones, by kind of firmware. */
const Loaders = z.strictObject({
  "bios-x86": fileName.optional(),
  "uefi-x64": fileName.optional(),
  "uefi-x86": fileName.optional(),
  "uefi-arm64": fileName.optional(),
});

const pattern = z.string().min(1).max(128).optional();

/** A rule by which machines that nobody knows become nodes. */
const Adopt = z.strictObject({
  name: z.string().min(1).max(253),
  groups: z.array(parsed(parseGroupName)).max(64).default([]),
  interface: pattern,
  mac: pattern,
  vendor: pattern,
  product: pattern,
  serial: pattern,
  minMemory: parsed<number>(parseByteSize).optional(),
  minDisks: z.int().min(0).max(1000).optional(),
});

const Interface = z
  .strictObject({
    name: z.string().regex(/^[^\s/:]{1,15}$/, "expected a network interface's name, such as eth1"),
    mode: z.enum(["off", "server", "proxy"]).default("off"),
    address: ipv4.optional(),
    subnet: cidr.optional(),
    router: ipv4.optional(),
    dns: z.array(ipv4).max(8).default([]),
    domain: z.string().max(253).optional(),
    leaseTime: span.default(parseOr("1h")),
    options: siteOptions.default([]),
    pool: Pool.optional(),
    relayed: z.array(Relayed).max(256).default([]),
    discover: z.boolean().default(false),
    loaders: Loaders.default({}),
  })
  .superRefine((value, context) => {
    const subnet = value.subnet;
    if (value.mode === "server" && subnet === undefined) {
      context.addIssue({ code: "custom", path: ["mode"], message: "mode 'server' needs a subnet" });
    }
    if (value.discover && value.mode === "server" && value.pool === undefined) {
      const message = "discover in mode 'server' needs a pool: machines that nobody knows want addresses";
      context.addIssue({ code: "custom", path: ["discover"], message });
    }
    if (value.pool !== undefined && value.mode !== "server") {
      context.addIssue({ code: "custom", path: ["pool"], message: "a pool needs mode 'server'" });
    }
    if (subnet === undefined) {
      return;
    }
    const inside: readonly (readonly [readonly string[], Ipv4Address | undefined])[] = [
      [["address"], value.address],
      [["router"], value.router],
      [["pool", "from"], value.pool?.from],
      [["pool", "to"], value.pool?.to],
    ];
    for (const [path, address] of inside) {
      if (address !== undefined && !cidrContains(subnet, address)) {
        context.addIssue({
          code: "custom",
          path: [...path],
          message: `${address} is not in the subnet ${subnet.network}/${subnet.prefix}`,
        });
      }
    }
    if (value.pool !== undefined && ipv4ToNumber(value.pool.from) > ipv4ToNumber(value.pool.to)) {
      context.addIssue({ code: "custom", path: ["pool"], message: "the pool's from is above its to" });
    }
  });

export const Config = z.strictObject({
  state: absolutePath
    .default("/var/lib/ingot")
    .describe("The state folder: images, packs, flavors, database, keys."),
  api: z
    .strictObject({
      listen: z
        .array(listenAddress)
        .max(16)
        .default([{ host: "127.0.0.1", port: 8443 }])
        .describe("Addresses (`ADDRESS:PORT`) of the HTTPS API and console, beside the local socket."),
      names: z
        .array(z.string().min(1).max(253))
        .max(32)
        .default([])
        .describe("Further names and addresses that the server's certificate is made for."),
    })
    .prefault({}),
  netboot: z
    .strictObject({
      interfaces: z
        .array(Interface)
        .max(32)
        .default([])
        .superRefine((list, context) => {
          for (const [index, value] of list.entries()) {
            if (list.findIndex((other) => other.name === value.name) < index) {
              context.addIssue({
                code: "custom",
                path: [index, "name"],
                message: `interface ${value.name} is named twice`,
              });
            }
          }
        })
        .describe("Interfaces on which machines netboot. None: DHCP, TFTP, boot and node services are off."),
      tftp: z.boolean().default(true).describe("Serve the first loader by TFTP on the named interfaces."),
      bootPort: port.default(8088).describe("Port of the plain HTTP boot service on the named interfaces."),
      nodePort: port
        .default(8443)
        .describe("Port of the HTTPS service for nodes and clients on the named interfaces."),
      armTime: span
        .default(parseOr("30m"))
        .describe("How long an arming waits for its machine to start the install."),
      installTime: span
        .default(parseOr("4h"))
        .describe("How long an install that has started may stay silent before it is called failed."),
      flavor: z
        .string()
        .min(1)
        .max(128)
        .default("standard")
        .describe("The flavor an install uses unless told."),
      discoverArguments: parsed(parseKernelArguments)
        .default("")
        .describe("Kernel arguments for machines that are discovered, such as `console=ttyS0,115200`."),
      adopt: z
        .array(Adopt)
        .max(256)
        .default([])
        .describe(
          "Rules by which discovered machines become nodes, the first that fits. None: an administrator adopts.",
        ),
    })
    .prefault({}),
  ssh: z
    .strictObject({
      user: z.string().min(1).max(64).default("root").describe("The user on golden clients and nodes."),
      keys: z
        .array(absolutePath)
        .max(16)
        .default([])
        .describe(
          "Private key files. None: the key that Ingot makes at first start, `STATE/ssh/id_ed25519`.",
        ),
      agent: z
        .union([z.boolean(), absolutePath])
        .default(false)
        .describe("true: use the agent of SSH_AUTH_SOCK; or an agent's socket path."),
    })
    .prefault({}),
  jobs: z
    .strictObject({
      updates: z
        .int()
        .min(1)
        .max(256)
        .default(8)
        .describe("Nodes that are updated or compared at the same time."),
      keep: span.default(parseOr("90d")).describe("How long finished jobs and their events are kept."),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(["debug", "info", "warn", "error"])
        .default("info")
        .describe("The least level that is written."),
    })
    .prefault({}),
});
export type Config = z.infer<typeof Config>;
export type InterfaceConfig = Config["netboot"]["interfaces"][number];

function outside(subnet: Ipv4Cidr, addresses: readonly (Ipv4Address | undefined)[]): readonly string[] {
  return addresses
    .filter((address) => address !== undefined)
    .filter((address) => !cidrContains(subnet, address))
    .map((address) => `${address} is not in the subnet ${subnet.network}/${subnet.prefix}`);
}

function parseOr(text: string): Duration {
  const result = parseDuration(text);
  if (!result.ok) {
    throw new TypeError(result.error);
  }
  return result.value;
}
