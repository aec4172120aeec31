import type { Ipv4Address, Ipv4Cidr } from "../../base/net-types.ts";
import type { Duration } from "../../base/quantity.ts";
import type { LoaderTarget } from "../arch.ts";
import type { EncodedOption } from "./site-option.ts";

/** How DHCP is spoken on one interface. */
export interface DhcpSettings {
  /** The network interface's name: for messages; packets leave by whoever has `address`. */
  readonly interfaceName: string;
  /** `server` gives known machines their addresses; `proxy` tells boot files only, beside the site's own DHCP server. */
  readonly mode: "server" | "proxy";
  /** The interface's own address: server identifier, TFTP server and source of every reply. */
  readonly address: Ipv4Address;
  /** What a relay wants its clients to take for the server (RFC 5107); `address` where it is absent. */
  readonly serverId?: Ipv4Address;
  readonly subnet: Ipv4Cidr;
  readonly router?: Ipv4Address;
  readonly dns: readonly Ipv4Address[];
  readonly domain?: string;
  readonly leaseTime: Duration;
  /** Further options, for those who ask for them. */
  readonly options?: readonly EncodedOption[];
  /** Addresses for known machines that have none of their own, both ends included. */
  readonly pool?: { readonly from: Ipv4Address; readonly to: Ipv4Address };
  /** Subnets whose machines are heard through relays, at `address`. */
  readonly relayed?: readonly RelayedSubnet[];
  readonly boot: BootService;
}

/** What holds in a subnet behind a relay; what is absent is the interface's, but for router and pool. */
export interface RelayedSubnet {
  readonly subnet: Ipv4Cidr;
  readonly router?: Ipv4Address;
  readonly dns?: readonly Ipv4Address[];
  readonly domain?: string;
  readonly leaseTime?: Duration;
  readonly options?: readonly EncodedOption[];
  readonly pool?: { readonly from: Ipv4Address; readonly to: Ipv4Address };
}

/** Where boot files are fetched. TFTP is on the interface's own address. */
export interface BootService {
  /** The HTTP boot service without a slash at its end: `http://10.0.0.1:8088`. */
  readonly httpBase: string;
  readonly loaders: Readonly<Partial<Record<LoaderTarget, string>>>;
  /** For firmware that boots by HTTP, where the loader above does not speak it: what there is now, asked for each time. */
  readonly httpLoader?: (target: LoaderTarget) => string | undefined;
}
