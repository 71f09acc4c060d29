/**
 * The policies of our domains at this moment. With `mx: dns` the hosts come
 * from the MX records: looked up when somebody asks, at most once a minute, and
 * kept while they cannot be looked up.
 * RFC 8461 section 3.2, RFC 5321 section 5.1 (implicit MX).
 */
import type { DnsAnswer, Domain, MxRecord, Resolver } from "../dns/answer.ts";
import { toDomain } from "../dns/name.ts";
import { type Publication, type PublishedPolicy, publishedPolicy } from "./published-policy.ts";

export type PolicyState =
  | { kind: "policy"; published: PublishedPolicy }
  /** Its hosts could not be found out, now or ever before. In plain words. */
  | { kind: "unavailable"; domain: Domain; detail: string };

export type OwnPolicies = {
  domains: Domain[];
  /** `undefined` for a domain that is not ours. */
  policyOf(domain: Domain): Promise<PolicyState> | undefined;
};

export type OwnPoliciesParts = {
  publications: Publication[];
  dns: Pick<Resolver, "mx">;
  now: () => number;
  /** Called with the first state of a domain, and with each that differs from the one before. */
  onChange?: (state: PolicyState) => void;
  /** Ends looks under way, when nobody is to be answered any more. */
  signal?: AbortSignal;
};

const LOOK_EVERY_MS = 60_000;
/** While there is nothing to publish, somebody is told 503: sooner. */
const LOOK_AGAIN_MS = 5_000;
/** For one look; the one who asked is waiting. */
const LOOK_TIMEOUT_MS = 10_000;

export function createOwnPolicies(parts: OwnPoliciesParts): OwnPolicies {
  const shelf = new Map(
    parts.publications.map((publication) => [publication.domain, createOwnPolicy(publication, parts)]),
  );
  return { domains: [...shelf.keys()], policyOf: (domain) => shelf.get(domain)?.() };
}

function createOwnPolicy(publication: Publication, { dns, now, onChange, signal }: OwnPoliciesParts) {
  let known: PolicyState | undefined;
  let lookAgainAt = -Infinity;
  let looking: Promise<PolicyState> | undefined;

  const look = async (): Promise<PolicyState> => {
    const found = await currentPolicy(publication, dns, signal);
    // Not knowing changes nothing: a policy without its hosts would stop their mail.
    const state = found.kind === "unavailable" && known?.kind === "policy" ? known : found;
    lookAgainAt = now() + (state.kind === "policy" ? LOOK_EVERY_MS : LOOK_AGAIN_MS);
    if (textOf(state) !== textOf(known) && signal?.aborted !== true) onChange?.(state);
    known = state;
    return state;
  };

  return (): Promise<PolicyState> => {
    if (known !== undefined && now() < lookAgainAt) return Promise.resolve(known);
    looking ??= look().finally(() => (looking = undefined));
    return looking;
  };
}

/** What the configuration and the DNS give at this moment. Never rejects. */
export async function currentPolicy(
  publication: Publication,
  dns: Pick<Resolver, "mx">,
  ends?: AbortSignal,
): Promise<PolicyState> {
  const { domain, mode, mx } = publication;
  if (mx !== "dns" || mode === "none") {
    return { kind: "policy", published: publishedPolicy(publication, mx === "dns" ? [] : mx) };
  }
  const limit = AbortSignal.timeout(LOOK_TIMEOUT_MS);
  const signal = ends === undefined ? limit : AbortSignal.any([ends, limit]);
  const answer = await dns.mx(domain, { signal });
  const hosts = hostsIn(domain, answer);
  if (hosts.kind === "hosts") return { kind: "policy", published: publishedPolicy(publication, hosts.names) };
  return { kind: "unavailable", domain, detail: hosts.detail };
}

function hostsIn(
  domain: Domain,
  answer: DnsAnswer<MxRecord>,
): { kind: "hosts"; names: Domain[] } | { kind: "nothing"; detail: string } {
  switch (answer.kind) {
    case "found": {
      // What is no host name gets no mail either way; in the text it would spoil the whole policy.
      const names = answer.records.flatMap(({ exchange }) => toDomain(exchange) ?? []);
      // A null MX among it (RFC 7505). Without a host only mode none is a policy.
      if (names.length === 0) return { kind: "nothing", detail: `no MX record of ${domain} names a host` };
      return { kind: "hosts", names };
    }
    case "absent":
      // A domain without MX records is its own host; one that does not exist is a fault of our configuration or our DNS.
      if (answer.status === "nodata") return { kind: "hosts", names: [domain] };
      return { kind: "nothing", detail: `the DNS says that ${domain} does not exist` };
    case "unknown":
      return { kind: "nothing", detail: `the MX records of ${domain} could not be looked up: ${answer.detail}` };
  }
}

const textOf = (state: PolicyState | undefined) =>
  state?.kind === "policy" ? state.published.text : (state?.detail ?? "");
