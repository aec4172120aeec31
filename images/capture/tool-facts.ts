/** Reads what images/remote/client/abilities.sh tells of a machine's tools. */
import type { Lister, ToolFacts } from "./facts.ts";
import { type Sections, sectionLines } from "./sections.ts";

/** What the tools of a machine can do. */
export function toolFacts(sections: Sections): ToolFacts {
  const programs = new Set(sectionLines(sections, "programs"));
  const abilities = new Set(sectionLines(sections, "tar-abilities"));
  const gnuFind = /GNU findutils\)?\s+(\d[\w.]*)/.exec(sections.get("find") ?? "")?.[1];
  const gnuTar = /GNU tar\)?\s+(\d[\w.]*)/.exec(sections.get("tar") ?? "")?.[1];
  const lister = sections.has("listing") ? listerOf(sections, gnuFind) : gnuFind && "find";
  return {
    ...(gnuFind === undefined ? {} : { gnuFind }),
    ...(gnuTar === undefined ? {} : { gnuTar }),
    ...(/\(busybox\)/i.test(sections.get("tar") ?? "") ? { busyboxTar: true } : {}),
    ...(lister === undefined || lister === "" ? {} : { lister }),
    ...(sections.has("listing") ? precision(sections, lister) : {}),
    tarXattrs: abilities.has("xattrs"),
    tarAcls: abilities.has("acls"),
    tarSelinux: abilities.has("selinux"),
    ...(programs.has("lsattr") && programs.has("chattr") ? { flags: true } : {}),
    sha256sum: programs.has("sha256sum"),
    ...(programs.has("b2sum") ? { b2sum: true } : {}),
    zstd: programs.has("zstd"),
    getfattr: programs.has("getfattr"),
    getfacl: programs.has("getfacl"),
  };
}

/** A line of the section `listing`, without the word that it begins with. */
function sample(sections: Sections, name: string): string {
  const line = sectionLines(sections, "listing").find((each) => each.startsWith(`${name} `));
  return line?.slice(name.length + 1) ?? "";
}

const time = String.raw`-?\d+(\.\d+)?`;
const findRecord = new RegExp(String.raw`^d \d+ \d+ \d+ \d+ \d+ ${time} ${time} \d+:\d+ \d+\|\|\|$`);
const deviceRecord = /^r 0 0\|\|\/\|$/;
const statRecord = /^4[0-9a-f]{3} \d+ \d+ \d+ \d+ -?\d+ -?\d+ \d+:\d+ \d+ 0:0 \/$/;
/** Busybox puts names between plain quotes whatever is in them; other stats escape, each in its own way. */
const statLink = /^'\/proc\/self\/exe' -> '.*'$/;

function listerOf(sections: Sections, gnuFind: string | undefined): Lister | undefined {
  const stats = statRecord.test(sample(sections, "stat"));
  if (findRecord.test(sample(sections, "find"))) {
    return deviceRecord.test(sample(sections, "devices")) ? "find" : stats ? "find-each" : undefined;
  }
  return gnuFind === undefined && stats && statLink.test(sample(sections, "link")) ? "stat" : undefined;
}

function precision(
  sections: Sections,
  lister: Lister | "" | undefined,
): Pick<ToolFacts, "listsWholeSeconds" | "setsWholeSeconds" | "losesLinkTimes"> {
  const listed =
    lister === "stat"
      ? /\.\d*[1-9]/.test(sample(sections, "fraction"))
      : sample(sections, "find").split(" ")[6]?.includes(".") === true;
  const busybox = /\(busybox\)/i.test(sections.get("tar") ?? "");
  const touch = sectionLines(sections, "touch");
  const set = touch.includes("exact") && !busybox;
  return {
    ...(listed ? {} : { listsWholeSeconds: true }),
    ...(set ? {} : { setsWholeSeconds: true }),
    ...(touch.includes("links") ? {} : { losesLinkTimes: true }),
  };
}
