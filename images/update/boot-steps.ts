/** What of an update's actions concerns booting, and the tools that the update itself runs on. */
import type { FileEntry } from "../entry.ts";
import type { SyncAction } from "../sync/actions.ts";
import type { NodeListing } from "./node-listing.ts";

export type BootStep = "initramfs" | "boot-loader";

/** Whether the node has an initramfs that was made on it after the image's own. */
export function isNewerInitramfs(node: NodeListing, entry: FileEntry): boolean {
  if (entry.kind !== "file" || !/^boot\/(initrd|initramfs)[^/]*$/.test(entry.path)) {
    return false;
  }
  const standing = node.find(entry.path)?.entry;
  return standing?.kind === "file" && standing.mtime.seconds > entry.mtime.seconds;
}

const initramfsSources =
  /^(boot\/(vmlinuz|kernel|Image|System\.map|initrd|initramfs)|(usr\/)?lib\/modules\/|etc\/(initramfs-tools|dracut\.conf|mkinitcpio|modprobe\.d|crypttab|mdadm|lvm)|usr\/share\/initramfs-tools\/)/;
const bootMenuSources =
  /^(boot\/(vmlinuz|kernel|Image|initrd|initramfs|grub|loader)|etc\/(default\/grub|grub\.d\/))/;

/** What the actions make necessary, and what an earlier update left to do. */
export function bootSteps(actions: Iterable<SyncAction>, due: readonly string[]): readonly BootStep[] {
  const needed = (step: BootStep, sources: RegExp) =>
    due.includes(step) || touches(actions, sources, (action) => action.kind !== "metadata") ? [step] : [];
  return [...needed("initramfs", initramfsSources), ...needed("boot-loader", bootMenuSources)];
}

const toolPlaces = /^((usr\/)?(s?bin|lib[^/]*)|etc\/ld\.so[^/]*|usr)(\/|$)/;

/** Whether an update touches programs or libraries that it may itself be using. */
export function touchesTools(actions: Iterable<SyncAction>): boolean {
  return touches(actions, toolPlaces, () => true);
}

function touches(
  actions: Iterable<SyncAction>,
  places: RegExp,
  counts: (action: SyncAction) => boolean,
): boolean {
  for (const action of actions) {
    if (counts(action) && places.test(action.kind === "delete" ? action.path : action.entry.path)) {
      return true;
    }
  }
  return false;
}
