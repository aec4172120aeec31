/**
 * What was worked out last of a version. Machines are installed and brought to a version many at a time: they share one table, and one plan
 * of its stream, which stays as long as somebody uses it, and beyond that as long as its memory is not wanted for something else.
 */
import type { Manifest } from "../manifest.ts";

export class Recent<T extends object> {
  #key = "";
  #making: Promise<T> | undefined;
  #made: WeakRef<T> | undefined;

  /** What was made last or is being made, where it is of this version; else a new one. */
  get(manifest: Manifest, make: () => Promise<T>): Promise<T> {
    const key = [manifest.image, manifest.number, manifest.created, ...manifest.packs].join(" ");
    const known = key === this.#key ? (this.#making ?? this.#made?.deref()) : undefined;
    if (known !== undefined) {
      return Promise.resolve(known);
    }
    const making = make();
    this.#key = key;
    this.#making = making;
    this.#made = undefined;
    making.then(
      (made) => this.#done(making, new WeakRef(made)),
      () => this.#done(making, undefined),
    );
    return making;
  }

  #done(making: Promise<T>, made: WeakRef<T> | undefined): void {
    if (this.#making === making) {
      this.#making = undefined;
      this.#made = made;
    }
  }
}
