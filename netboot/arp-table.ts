/** Linux's table of neighbours, /proc/net/arp (proc(5)). */
import { type MacAddress, parseMac } from "../base/net-types.ts";

/** The entry is complete: the machine answered (`ATF_COM` of if_arp.h). */
const complete = 0x2;

/** The cards that answered on an interface, by address. */
export function neighboursOf(table: string, interfaceName: string): ReadonlyMap<string, MacAddress> {
  const known = new Map<string, MacAddress>();
  for (const line of table.split("\n").slice(1)) {
    const [address, , flags, hardware, , device] = line.trim().split(/\s+/);
    if (address !== undefined && device === interfaceName && (Number(flags) & complete) !== 0) {
      const mac = parseMac(hardware ?? "");
      if (mac.ok && mac.value !== "00:00:00:00:00:00") {
        known.set(address, mac.value);
      }
    }
  }
  return known;
}
