/**
 * What the configuration says about publishing, in the words of `publish/`.
 */
import type { Config } from "../config/config.ts";
import type { Publication } from "../publish/published-policy.ts";
import type { PolicyHostPlace } from "../publish/records.ts";

export function publicationsOf({ publish }: Pick<Config, "publish">): Publication[] {
  return Object.entries(publish.domains).map(([domain, { mode, maxAgeMs, mx }]) => ({
    domain,
    mode,
    maxAgeSeconds: Math.floor(maxAgeMs / 1000),
    mx,
  }));
}

/** URIs for the TLS reports of a domain of ours. */
export function reportsToOf({ publish }: Pick<Config, "publish">, domain: string): string[] {
  return publish.domains[domain]?.reportsTo ?? publish.reportsTo;
}

/** Where `mta-sts.` of each domain leads to. */
export function reachedAtOf({ publish, hostname }: Pick<Config, "publish" | "hostname">): PolicyHostPlace {
  return publish.reachedAt ?? { name: hostname };
}
