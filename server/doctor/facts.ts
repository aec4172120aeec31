/** All that `ingot doctor` has seen, as one value: gather.ts sees, judge.ts says what it means. */
import type { Ipv4Address, Ipv4Cidr, MacAddress } from "../../base/net-types.ts";
import type { DhcpAnswer } from "../../netboot/probe/dhcp-question.ts";
import type { Status } from "../api/schema/status.ts";
import type { InterfaceConfig } from "../config/schema.ts";

export interface DoctorFacts {
  readonly daemon:
    | { readonly kind: "up"; readonly status: Status }
    | { readonly kind: "down"; readonly reason: string };
  readonly state: StateFacts;
  readonly clock: ClockFacts;
  readonly tools: readonly ToolFacts[];
  /** Undefined where the daemon is down. */
  readonly nodes: readonly KnownNode[] | undefined;
  readonly flavors: {
    readonly wanted: string;
    readonly present: readonly string[];
    /** For ARM servers, built where no loader could be made for those that boot by HTTP. */
    readonly withoutHttp: readonly string[];
  };
  readonly ports: readonly PortFacts[];
  readonly wires: readonly WireFacts[];
  readonly firewall: FirewallFacts;
}

export interface StateFacts {
  readonly path: string;
  /** Undefined where the folder is not there. */
  readonly freeBytes?: number;
  readonly freeInodes?: number;
}

export interface ClockFacts {
  /** Unix milliseconds. */
  readonly now: number;
  /** When this copy of Ingot was built: no right clock is earlier. */
  readonly builtAt: number;
  /** The server certificate's life; undefined before the first start. */
  readonly certificate?: { readonly from: number; readonly to: number };
  /** Undefined where systemd does not say. */
  readonly synchronized?: boolean;
}

export interface ToolFacts {
  readonly program: string;
  readonly purpose: string;
  readonly present: boolean;
}

export interface KnownNode {
  readonly name: string;
  readonly macs: readonly MacAddress[];
  readonly ip?: Ipv4Address;
}

export interface WantedPort {
  readonly protocol: "udp" | "tcp";
  readonly address: string;
  readonly port: number;
  /** `DHCP on eth1`. */
  readonly service: string;
}

export interface PortHolder {
  readonly address: string;
  readonly pid?: number;
  readonly program?: string;
  /** Whether that is the daemon on this state folder. */
  readonly isDaemon: boolean;
}

export interface PortFacts extends WantedPort {
  readonly holders: readonly PortHolder[];
}

export interface FetchFacts {
  /** `the iPXE script`. */
  readonly what: string;
  readonly from: string;
  readonly result:
    | { readonly ok: true; readonly bytes: number; readonly milliseconds: number }
    | { readonly ok: false; readonly error: string };
}

/** One interface and what was heard on its wire. */
export interface WireFacts {
  readonly name: string;
  /** Undefined where no interface has this name. */
  readonly up?: boolean;
  readonly addresses: readonly { readonly address: Ipv4Address; readonly subnet: Ipv4Cidr }[];
  /** The address that Ingot uses: the configured one, or the first. */
  readonly own?: Ipv4Address;
  readonly config?: InterfaceConfig;
  /** The node whose name the probe also asked in, and the made-up address of a stranger. */
  readonly askedAs: { readonly node?: KnownNode; readonly stranger?: MacAddress };
  readonly dhcp:
    | { readonly kind: "asked"; readonly answers: readonly DhcpAnswer[]; readonly waited: number }
    | { readonly kind: "not-asked"; readonly reason: string };
  readonly fetched: readonly FetchFacts[];
}

export type FirewallFacts =
  | { readonly kind: "unknown"; readonly reason: string }
  /** `nft list ruleset`; `hasLegacy`: the kernel holds rules of the old iptables too, which nft does not show. */
  | { readonly kind: "rules"; readonly text: string; readonly hasLegacy?: boolean };
