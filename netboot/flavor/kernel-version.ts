/** Order of kernel versions: their numbers count as numbers, so that 6.10 is newer than 6.9. */
export function compareKernels(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [one = "", other = ""] = [left[index], right[index]];
    const difference = Number(one) - Number(other);
    if (one !== other && !Number.isNaN(difference) && difference !== 0) {
      return difference;
    }
    if (one !== other && Number.isNaN(difference)) {
      return one < other ? -1 : 1;
    }
  }
  return 0;
}

/** The newest one; rescue kernels, which Red Hat's installer leaves beside the others, are not meant. */
export function newestKernel(versions: readonly string[]): string | undefined {
  return versions
    .filter((version) => !version.includes("rescue"))
    .reduce<string | undefined>(
      (best, version) => (best === undefined || compareKernels(version, best) > 0 ? version : best),
      undefined,
    );
}

function partsOf(version: string): readonly string[] {
  return version.match(/\d+|[A-Za-z]+/g) ?? [];
}
