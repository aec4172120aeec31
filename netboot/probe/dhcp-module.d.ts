/** The part of the `dhcp` package (0.2.20, which has no types) that the probe uses: its codec. */
declare module "dhcp/lib/protocol.js" {
  export interface Message {
    readonly op: number;
    readonly htype: number;
    readonly hlen: number;
    readonly hops: number;
    readonly xid: number;
    readonly secs: number;
    readonly flags: number;
    readonly ciaddr: string;
    readonly yiaddr: string;
    readonly siaddr: string;
    readonly giaddr: string;
    /** `52-54-00-12-34-56`. */
    readonly chaddr: string;
    readonly sname: string;
    readonly file: string;
    /** By number; the form of each value is what the option's definition says. */
    readonly options: Readonly<Record<string, readonly number[]>>;
  }

  const protocol: {
    parse(bytes: Uint8Array): Message;
    format(message: Message): { readonly _data: Uint8Array; readonly _w: number };
  };
  // biome-ignore lint/style/noDefaultExport: this is what an importer of the CommonJS module gets.
  export default protocol;
}

declare module "dhcp/lib/options.js" {
  const options: {
    /** Defines an option anew, for the whole process. */
    addOption(code: number, definition: { readonly name: string; readonly type: "UInt8s" }): void;
  };
  // biome-ignore lint/style/noDefaultExport: this is what an importer of the CommonJS module gets.
  export default options;
}
