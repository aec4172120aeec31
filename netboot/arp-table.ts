/** Linux's table of neighbours, /proc/net/arp (proc(5)). */
import { type MacAddress, parseMac } from "../base/net-types.ts";

/** The entry is complete: the machine answered (`ATF_COM` of if_arp.h). */
const complete = 0x2;

/** The card that answers for an address on an interface. */
export function findNeighbour(
  table: string,
  wanted: { readonly address: string; readonly interfaceName: string },
): MacAddress | undefined {
  for (const line of table.split("\n").slice(1)) {
    const [address, , flags, hardware, , device] = line.trim().split(/\s+/);
    if (address === wanted.address && device === wanted.interfaceName && (Number(flags) & complete) !== 0) {
      const mac = parseMac(hardware ?? "");
      return mac.ok && mac.value !== "00:00:00:00:00:00" ? mac.value : undefined;
    }
  }
  return undefined;
}
