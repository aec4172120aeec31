import { AppError } from "../../base/errors.ts";
import type { RemoteSession, RemoteTarget } from "../../images/remote/session.ts";
import type { ResolvedRule } from "../../images/sync/actions.ts";
import { isClearRule, parseFilterRule, parseRule } from "../../images/sync/filter-rules.ts";
import { type ProfileName, profileNames } from "../../images/sync/profiles.ts";
import { parseHostName } from "../hosts/host.ts";
import type { Services } from "../services.ts";

export interface RemotePlace {
  readonly host: string;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
}

/** Where a host is reached: a node's name stands for its address. */
export function targetOf(services: Services, place: RemotePlace): RemoteTarget {
  const name = parseHostName(place.host);
  const node = name.ok ? services.hosts.get(name.value) : undefined;
  return {
    host: node?.ip ?? place.host,
    port: place.port ?? 22,
    user: place.user ?? services.settings.sshUser,
  };
}

/** Connects, works, and closes whatever happens. */
export async function withSession<T>(
  services: Services,
  place: RemotePlace & { readonly signal: AbortSignal },
  work: (session: RemoteSession) => Promise<T>,
): Promise<T> {
  const session = await services.connector.connect(targetOf(services, place), { signal: place.signal });
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** Rules and profiles as a request names them, checked. */
export function ruleSources(request: {
  readonly filter?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly profiles?: readonly string[] | undefined;
}): { readonly rules: readonly ResolvedRule[]; readonly profiles: readonly ProfileName[] } {
  const rules: ResolvedRule[] = [];
  for (const text of request.filter ?? []) {
    if (isClearRule(text)) {
      rules.length = 0;
      continue;
    }
    const parsed = parseFilterRule(text, "--filter");
    if (!parsed.ok) {
      throw new AppError("bad-input", `Filter rule ${parsed.error.message}`);
    }
    rules.push(...parsed.value);
  }
  for (const text of request.exclude ?? []) {
    if (text === "!") {
      rules.length = 0;
      continue;
    }
    const rule = parseRule(text, "--exclude");
    if (!rule.ok) {
      throw new AppError("bad-input", `Exclude rule '${text}': ${rule.error.message}`);
    }
    rules.push(rule.value);
  }
  const profiles = (request.profiles ?? []).map((name) => {
    const known = profileNames.find((profile) => profile === name);
    if (known === undefined) {
      throw new AppError("bad-input", `Exclude profile '${name}' does not exist`, {
        hint: `there are: ${profileNames.join(", ")}`,
      });
    }
    return known;
  });
  return { rules, profiles };
}
