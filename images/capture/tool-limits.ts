/** What a machine's tools cannot do: what an image or a node misses because of them, said in sentences, and what rules them out. */
import type { Lister, ToolFacts } from "./facts.ts";

/** The tools without which a machine is neither captured nor updated; empty where it has all. */
export function missingTools(tools: ToolFacts): readonly string[] {
  return [
    ...(tools.lister === undefined && tools.gnuFind === undefined
      ? ["find of use (package findutils, or busybox's find with -print0 and stat with -c)"]
      : []),
    ...(tools.gnuTar === undefined && tools.busyboxTar !== true
      ? ["tar of use (package tar, or busybox's)"]
      : []),
  ];
}

/** As an option of a listing. */
export function listerOf(tools: ToolFacts): { readonly lister?: Lister } {
  return tools.lister === undefined ? {} : { lister: tools.lister };
}

/** Whether find can show just what changed after a time (findutils 4.3.3). */
export function listsNewer(tools: ToolFacts): boolean {
  const [major = 0, minor = 0, patch = 0] = (tools.gnuFind ?? "0").split(".").map(Number.parseFloat);
  return (
    tools.lister !== "stat" && (major > 4 || (major === 4 && (minor > 3 || (minor === 3 && patch >= 3))))
  );
}

/** What an image of this machine does not have, a sentence each. */
export function lostInCapture(tools: ToolFacts): readonly string[] {
  const name = tools.busyboxTar === true ? "tar is busybox's: it" : `GNU tar ${tools.gnuTar}`;
  const lost = [
    ...(tools.tarXattrs ? [] : ["extended attributes and file capabilities"]),
    ...(tools.tarAcls ? [] : ["POSIX ACLs"]),
  ];
  return [
    ...(lost.length === 0
      ? []
      : [`The client's ${name} cannot read ${lost.join(" and ")}: the image will not have them`]),
    ...(tools.busyboxTar === true
      ? ["The client's tar knows no holes: sparse files are sent and stored with zeros in full"]
      : []),
    ...(tools.listsWholeSeconds === true
      ? ["The client's tools show times in whole seconds: the image has them without fractions"]
      : []),
  ];
}

/** What an update cannot set on this machine, a sentence each. */
export function lostInUpdate(tools: ToolFacts): readonly string[] {
  return [
    ...(tools.tarXattrs
      ? []
      : [
          `${tools.busyboxTar === true ? "busybox's tar" : `tar ${tools.gnuTar}`} on this machine cannot set extended attributes, ACLs and capabilities: they are missing`,
        ]),
    ...(tools.busyboxTar === true
      ? ["busybox's tar on this machine makes no holes: sparse files take their full size"]
      : []),
    ...(keepsWholeSeconds(tools)
      ? ["The tools of this machine set times in whole seconds: fractions are left out and not compared"]
      : []),
    ...(tools.losesLinkTimes === true
      ? ["The tools of this machine set no times of symbolic links: they are not compared"]
      : []),
  ];
}

/** Whether times of files on this machine are compared and set without fractions of a second. */
export function keepsWholeSeconds(tools: ToolFacts): boolean {
  return tools.listsWholeSeconds === true || tools.setsWholeSeconds === true;
}

/** True where tar is GNU's and its version lower. */
export function tarBefore(tools: Pick<ToolFacts, "gnuTar">, major: number, minor: number): boolean {
  const [a = 0, b = 0] = (tools.gnuTar ?? "99").split(".").map(Number);
  return a < major || (a === major && b < minor);
}
