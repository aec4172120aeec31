/** What the golden client is made of. Pure. */

/** The kernel that a golden client runs: `cloud` is small and knows virtio and NVMe; `standard` knows all hardware. */
export type GoldenKernel = "cloud" | "standard";

export interface GoldenRecipe {
  readonly suite: string;
  readonly packages: readonly string[];
  readonly diskSize: string;
}

/** Debian 12 as somebody would install it for a small server; nothing that only Ingot would need (no rsync). */
export function goldenRecipe(kernel: GoldenKernel): GoldenRecipe {
  return {
    suite: "bookworm",
    packages: [
      ...[
        kernel === "cloud" ? "linux-image-cloud-amd64" : "linux-image-amd64",
        "initramfs-tools",
        "zstd",
        "kmod",
      ],
      ...[
        "grub-pc-bin",
        "grub-efi-amd64-bin",
        "grub2-common",
        "systemd-sysv",
        "udev",
        "cron",
        "openssh-server",
      ],
      ...["e2fsprogs", "fdisk", "acl", "attr", "libcap2-bin", "iproute2", "procps", "netbase"],
      ...["ca-certificates", "curl"],
    ],
    diskSize: "3G",
  };
}

/** The arguments of mmdebstrap that make the recipe's tar archive. */
export function bootstrapArguments(
  recipe: GoldenRecipe,
  files: { readonly tarball: string; readonly sources: string },
): readonly string[] {
  const withoutDocuments = ["path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*"];
  return [
    ...["--mode=root", "--variant=minbase", "--format=tar", `--include=${recipe.packages.join(",")}`],
    ...withoutDocuments.map((option) => `--dpkgopt=${option}`),
    ...["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright"],
    ...[recipe.suite, files.tarball, files.sources],
  ];
}

/** The format of `apt-get indextargets` that {@link sourceLines} reads. */
export const indexTargetFormat = "$(CREATED_BY)|$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(COMPONENT)";

/**
 * The sources.list of a new system, from where this machine itself gets its packages: the same mirrors for the same suite.
 * `targets` is the output of `apt-get indextargets`.
 */
export function sourceLines(targets: string, suite: string): readonly string[] {
  const lines = targets
    .split("\n")
    .map((line) => line.split("|"))
    .filter(
      ([kind, origin, codename]) => kind === "Packages" && origin === "Debian" && baseOf(codename) === suite,
    )
    .filter(([, , , , component]) => component === "main")
    .map(([, , codename, uri]) => `deb ${uri} ${codename} main`);
  return [...new Set(lines)].sort((a, b) => (a < b ? -1 : 1));
}

function baseOf(codename: string | undefined): string | undefined {
  return codename?.replace(/-(updates|security)$/, "");
}
