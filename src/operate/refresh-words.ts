/** What became of a policy that was fetched at an operator's word. */
import type { Domain } from "../dns/answer.ts";
import type { PolicyEvent } from "../mta-sts/answer.ts";

export const hasFetched = (seen: PolicyEvent[]): boolean =>
  seen.some(({ kind }) => kind === "found" || kind === "renewed" || kind === "changed");

export function describeRefresh(domain: Domain, seen: PolicyEvent[]): string {
  const event = seen.find(({ kind }) => kind !== "store-failed");
  switch (event?.kind) {
    case undefined:
    case "store-failed":
      return `${domain} has no MTA-STS record that can be used, and no policy of it is in force`;
    case "found":
      return `fetched: ${domain} has the policy mode ${event.known.policy.mode}`;
    case "renewed":
      return `fetched: the policy of ${domain} is as it was (mode ${event.known.policy.mode})`;
    case "changed":
      return `fetched: the policy of ${domain} has changed${event.weaker === undefined ? "" : `, and is weaker now: ${event.weaker}`}`;
    case "fetch-failed":
      return `not fetched: ${event.failure.detail}`;
    case "refresh-failed":
      return `not fetched, what is cached stays: ${event.detail}`;
    case "record-gone":
    case "record-unusable":
      return `not fetched: ${domain} has no record that can be used`;
  }
}
