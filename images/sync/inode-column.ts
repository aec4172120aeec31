/** A column of `DEVICE:INODE`, both decimal: devices are few, and an inode is a number unless it is larger than one can count to. */
import { CountColumn } from "./columns.ts";

export class InodeColumn {
  readonly #devices: string[] = [];
  readonly #device = new CountColumn();
  readonly #inode = new CountColumn();
  /** Inodes that are no usual number. */
  readonly #odd = new Map<number, string>();

  set(row: number, inode: string): void {
    const colon = inode.indexOf(":");
    const number = Number(inode.slice(colon + 1));
    const device = inode.slice(0, Math.max(colon, 0));
    if (!Number.isSafeInteger(number) || number < 0 || `${device}:${number}` !== inode) {
      this.#odd.set(row, inode);
      return;
    }
    let index = this.#devices.lastIndexOf(device);
    if (index < 0) {
      index = this.#devices.push(device) - 1;
    }
    this.#device.set(row, index);
    this.#inode.set(row, number);
  }

  at(row: number): string {
    return this.#odd.get(row) ?? `${this.#devices[this.#device.at(row)]}:${this.#inode.at(row)}`;
  }

  deviceAt(row: number): string | undefined {
    return this.#odd.get(row)?.split(":")[0] ?? this.#devices[this.#device.at(row)];
  }
}
