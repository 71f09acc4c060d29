/** The cached policies as an operator sees them. RFC 8461 section 3.3. */
import type { Domain } from "../dns/answer.ts";
import type { KnownPolicy, PolicyMode } from "../mta-sts/answer.ts";
import { isInForce } from "../mta-sts/freshness.ts";
import type { PolicyAdmin, PolicyRecord } from "../store/policy-admin.ts";

/** All times in ISO 8601. */
export type PolicyView = {
  domain: Domain;
  /** `expired`: not in use; it is fetched again when mail asks for it. `forgotten`: the same, at an operator's word. */
  state: "in force" | "expired" | "forgotten" | "unreadable" | "none";
  mode?: PolicyMode;
  /** Of the TXT record it was fetched under. */
  id?: string;
  mx?: Domain[];
  maxAgeSeconds?: number;
  fetchedAt?: string;
  expiresAt?: string;
  /** When it is fetched anew, mail or no mail. */
  refreshAt?: string;
  /** When its record was last found to be the one that it was fetched under, to within five minutes. */
  checkedAt?: string;
  failure?: { at: string; detail: string; retryAt: string };
};

export type PolicyDetails = PolicyView & {
  /** The file, as it was fetched. */
  text?: string;
  /** The newest first, with the present one. */
  history: { id: string; mode: PolicyMode; mx: Domain[]; maxAgeSeconds: number; fetchedAt: string }[];
};

export function createPolicyService(parts: { admin: PolicyAdmin; now: () => number }) {
  const { admin, now } = parts;
  return {
    /** By domain. */
    async list(): Promise<PolicyView[]> {
      const views: PolicyView[] = [];
      for await (const records of admin.list()) {
        for (const record of records) if (record.known !== undefined) views.push(viewOf(record, now()));
      }
      return views.sort((a, b) => (a.domain < b.domain ? -1 : 1));
    },
    async show(domain: Domain): Promise<PolicyDetails> {
      const { history, ...record } = await admin.show(domain);
      const text = isKnown(record.known) ? { text: record.known.text } : {};
      return { ...viewOf(record, now()), ...text, history: history.map(historyOf) };
    },
    /** `false`: there was none. */
    forget: (domain: Domain, by: string): Promise<boolean> => admin.forget(domain, by, now()),
  };
}

const isKnown = (known: PolicyRecord["known"]): known is KnownPolicy => known !== undefined && known !== "unreadable";

function viewOf({ domain, known, failure, refreshAt, checkedAt }: PolicyRecord, now: number): PolicyView {
  return {
    domain,
    ...(isKnown(known)
      ? {
          state: stateOf(known, now),
          ...known.policy,
          id: known.id,
          fetchedAt: iso(known.fetchedAt),
          expiresAt: iso(known.expiresAt),
        }
      : { state: known ?? ("none" as const) }),
    ...(refreshAt === undefined ? {} : { refreshAt: iso(refreshAt) }),
    ...(checkedAt === undefined ? {} : { checkedAt: iso(checkedAt) }),
    ...(failure === undefined
      ? {}
      : { failure: { at: iso(failure.failedAt), detail: failure.detail, retryAt: iso(failure.retryAt) } }),
  };
}

function stateOf(known: KnownPolicy, now: number): PolicyView["state"] {
  if (isInForce(known, now)) return "in force";
  const wasCut = known.expiresAt === known.fetchedAt && known.policy.maxAgeSeconds > 0;
  return wasCut ? "forgotten" : "expired";
}

const historyOf = ({ id, policy, fetchedAt }: KnownPolicy) => ({ id, ...policy, fetchedAt: iso(fetchedAt) });

const iso = (at: number) => new Date(at).toISOString();
