/**
 * What the news of policies mean to an operator. RFC 8461 section 10.2: about a
 * policy in mode `none` nobody is alarmed, its domain is leaving MTA-STS.
 */
import type { KnownPolicy, Policy, PolicyEvent } from "../mta-sts/answer.ts";
import { weakening } from "../mta-sts/change.ts";
import type { Clearance, Signal } from "./incident.ts";

export type News = { raise: Signal[]; clear: Clearance[] };

const DAY_MS = 86_400_000;

/** A weaker policy is news for so long; then it is the domain's policy. */
const WEAKENED_FOR_MS = 7 * DAY_MS;

/** RFC 8461 section 10.2 suggests a refresh a day: one that fails and then works is no news. */
const FAILING_FOR_MS = DAY_MS;

export function newsOfPolicy(event: PolicyEvent, now: number): News {
  switch (event.kind) {
    case "found":
    case "renewed":
      return { raise: [], clear: fetched(event.known, now) };
    case "changed":
      return newsOfChange(event.before.policy, event.after, now);
    case "fetch-failed":
      return failing(event.cached, event.failure.detail, now);
    case "refresh-failed": {
      const news = failing(event.cached, event.detail, now);
      return event.recordGone === true ? both(news, gone(event.cached, RECORD_GONE, now)) : news;
    }
    case "record-gone":
      return gone(event.cached, RECORD_GONE, now);
    case "record-unusable":
      return gone(event.cached, `its MTA-STS record cannot be used: ${event.detail}`, now);
    case "store-failed":
      return { raise: [], clear: [] };
  }
}

const RECORD_GONE = "its MTA-STS record is gone, and its policy is still in force";

function newsOfChange(before: Policy, after: KnownPolicy, now: number): News {
  const { domain: subject, policy } = after;
  const weaker = weakerNow(before, policy);
  const news: News = { raise: [], clear: fetched(after, now) };
  if (weaker !== undefined) {
    const baseline = JSON.stringify(before);
    const endsAt = now + WEAKENED_FOR_MS;
    news.raise.push({ cause: "policy-weakened", subject, detail: weaker, at: now, baseline, endsAt });
  }
  const because = "its policy is as strong as it was";
  const undoes = (baseline: string | undefined) => isRestored(baseline, policy);
  news.clear.push({ cause: "policy-weakened", subject, because, at: now, undoes });
  return news;
}

/** A shorter life alone is no reason to be alarmed. */
const weakerNow = (before: Policy, after: Policy) =>
  weakening({ ...before, maxAgeSeconds: after.maxAgeSeconds }, after);

function isRestored(baseline: string | undefined, policy: Policy): boolean {
  return baseline === undefined || weakerNow(JSON.parse(baseline) as Policy, policy) === undefined;
}

function failing(cached: KnownPolicy | undefined, detail: string, now: number): News {
  if (cached === undefined || cached.policy.mode === "none") return { raise: [], clear: [] };
  const { domain: subject, expiresAt: endsAt } = cached;
  const signal = { cause: "refresh-failing", subject, detail, at: now, opensAfterMs: FAILING_FOR_MS, endsAt } as const;
  return { raise: [signal], clear: [] };
}

function gone(cached: KnownPolicy | undefined, detail: string, now: number): News {
  if (cached === undefined || cached.policy.mode === "none") return { raise: [], clear: [] };
  const { domain: subject, expiresAt: endsAt } = cached;
  return { raise: [{ cause: "record-gone", subject, detail, at: now, endsAt }], clear: [] };
}

/** Also under a record that cannot be asked for at the moment: what proves the policy is HTTPS. */
function fetched({ domain: subject }: KnownPolicy, now: number): Clearance[] {
  const because = "its policy was fetched anew";
  return (["refresh-failing", "record-gone"] as const).map((cause) => ({ cause, subject, because, at: now }));
}

const both = (a: News, b: News): News => ({ raise: [...a.raise, ...b.raise], clear: [...a.clear, ...b.clear] });
