/** Fetches what a netbooting machine would, from the services on one interface's address. */
import { toAppError } from "../../base/errors.ts";
import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import { grubLoader, loaderPath, scriptPath } from "../../netboot/boot-files/names.ts";
import { probeTftp } from "../../netboot/probe/tftp-probe.ts";
import type { FetchFacts } from "./facts.ts";

export interface FetchPlan {
  readonly address: Ipv4Address;
  readonly bootPort: number;
  readonly tftp: boolean;
  /** First loaders of the interface. */
  readonly loaders: readonly string[];
  /** Those that only firmware which boots by HTTP is told. */
  readonly httpLoaders: readonly string[];
  /** Absent where it is not there: its files are then not asked for. */
  readonly flavor?: string;
  /** Nobody's MAC: asking in a node's name could give out its token. */
  readonly mac: MacAddress;
  readonly now: () => number;
  readonly signal?: AbortSignal;
}

const loaderLimit = 16 * 2 ** 20;
const patience = 30_000;

export async function fetchBootFiles(plan: FetchPlan): Promise<readonly FetchFacts[]> {
  // A shim fetches GRUB next.
  const second = plan.loaders.some((name) => name.startsWith("shim")) ? [grubLoader] : [];
  const loaders = [...new Set([...plan.loaders, ...second])];
  const base = `http://${plan.address}:${plan.bootPort}`;
  const files = [
    { what: "the iPXE script", path: `${scriptPath}?mac=${plan.mac}&arch=0&look=1`, start: "#!ipxe" },
    ...[...loaders, ...plan.httpLoaders].map((name) => ({
      what: `loader ${name}`,
      path: `${loaderPath}/${name}`,
    })),
    ...(plan.flavor === undefined
      ? []
      : [
          { what: `the kernel of flavor ${plan.flavor}`, path: `/boot/flavors/${plan.flavor}/kernel` },
          { what: `the ramdisk of flavor ${plan.flavor}`, path: `/boot/flavors/${plan.flavor}/initrd.img` },
        ]),
  ];
  const facts: FetchFacts[] = [];
  for (const name of plan.tftp ? loaders : []) {
    const from = `tftp://${plan.address}/${name}`;
    facts.push(
      await timed({ what: `loader ${name}`, from, now: plan.now }, async () => {
        const probe = { host: plan.address, port: 69, name, limit: loaderLimit, blockSize: 1468 };
        return (await probeTftp({ ...probe, ...signalOf(plan) })).bytes;
      }),
    );
  }
  for (const { what, path, ...rest } of files) {
    const from = base + path;
    facts.push(
      await timed(
        { what, from, now: plan.now },
        async () => await countBytes(from, { ...rest, ...signalOf(plan) }),
      ),
    );
  }
  return facts;
}

async function timed(
  at: { readonly what: string; readonly from: string; readonly now: () => number },
  fetchIt: () => Promise<number>,
): Promise<FetchFacts> {
  const { what, from } = at;
  const started = at.now();
  try {
    const bytes = await fetchIt();
    return { what, from, result: { ok: true, bytes, milliseconds: at.now() - started } };
  } catch (error) {
    return { what, from, result: { ok: false, error: reasonOf(error) } };
  }
}

async function countBytes(
  url: string,
  options: { readonly start?: string; readonly signal?: AbortSignal },
): Promise<number> {
  const deadline = AbortSignal.timeout(patience);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  const response = await fetch(url, { signal });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }
  let bytes = 0;
  let head = "";
  for await (const chunk of response.body ?? []) {
    head += head.length < 64 ? Buffer.from(chunk.subarray(0, 64)).toString("latin1") : "";
    bytes += chunk.length;
  }
  if (options.start !== undefined && !head.startsWith(options.start)) {
    throw new Error(`it does not begin with ${options.start}`);
  }
  return bytes;
}

/** What undici says is `fetch failed`; the cause says why. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return toAppError(cause).message;
}

function signalOf(plan: FetchPlan): { readonly signal?: AbortSignal } {
  return plan.signal === undefined ? {} : { signal: plan.signal };
}
