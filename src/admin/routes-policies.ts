/** Cached policies, and the shadow of `enforce`. */
import { toDomain } from "../dns/name.ts";
import { describeRefresh, hasFetched } from "../operate/refresh-words.ts";
import { lastDays, shadowVerdicts } from "../operate/shadow.ts";
import { policy, policyDetails, shadow } from "./answers.ts";
import type { ApiParts } from "./parts.ts";
import { missing, ok, route, type Route, unusable } from "./route.ts";
import { answer, COUNT, domainText, FLAG, list, request, TEXT } from "./schema.ts";

const DOMAIN = request({ domain: domainText });
const NO_DOMAIN = unusable("this is not a domain");
const others = { 422: "This is not a domain." };

type Parts = Pick<ApiParts, "policies" | "refreshPolicy" | "shadow" | "now">;

export function policyRoutes({ policies, refreshPolicy, shadow: store, now }: Parts): Route[] {
  const section = "Policies";
  return [
    route(
      {
        method: "GET",
        path: "/api/policies",
        id: "listPolicies",
        section,
        summary: "All cached policies",
        answer: answer({ policies: list(policy) }),
      },
      async () => ok({ policies: await policies.list() }),
    ),
    route(
      {
        method: "GET",
        path: "/api/policies/{domain}",
        id: "showPolicy",
        section,
        summary: "One policy, with its text and what came before it",
        params: DOMAIN,
        answer: policyDetails,
        others: { ...others, 404: "No policy of this domain is known." },
      },
      async ({ params }) => {
        const domain = toDomain(params.domain);
        if (domain === undefined) return NO_DOMAIN;
        const details = await policies.show(domain);
        const isKnown = details.state !== "none" || details.failure !== undefined;
        return isKnown ? ok(details) : missing("no policy of this domain is known");
      },
    ),
    route(
      {
        method: "POST",
        path: "/api/policies/{domain}/refresh",
        id: "refreshPolicy",
        section,
        summary: "Fetch a policy anew, now",
        params: DOMAIN,
        answer: answer({ fetched: FLAG, said: TEXT, policy: policyDetails }),
        others,
      },
      async ({ params, signal }) => {
        const domain = toDomain(params.domain);
        if (domain === undefined) return NO_DOMAIN;
        const seen = await refreshPolicy(domain, signal);
        const said = describeRefresh(domain, seen);
        return ok({ fetched: hasFetched(seen), said, policy: await policies.show(domain) });
      },
    ),
    route(
      {
        method: "DELETE",
        path: "/api/policies/{domain}",
        id: "forgetPolicy",
        section,
        summary: "Take a cached policy out of force",
        details: "It is fetched anew when mail asks for it.",
        params: DOMAIN,
        answer: answer({ forgotten: FLAG }),
        others,
      },
      async ({ params, by }) => {
        const domain = toDomain(params.domain);
        return domain === undefined ? NO_DOMAIN : ok({ forgotten: await policies.forget(domain, by) });
      },
    ),
    route(
      {
        method: "GET",
        path: "/api/shadow",
        id: "shadow",
        section,
        summary: "What `enforce` would have refused, where it does not hold",
        query: request({}, { days: { type: "integer", minimum: 1, maximum: 35, default: 7 }, domain: domainText }),
        answer: answer({ days: COUNT, domains: list(shadow) }),
        others,
      },
      async ({ query }) => {
        const domain = query.domain === undefined ? undefined : toDomain(query.domain);
        if (query.domain !== undefined && domain === undefined) return NO_DOMAIN;
        const counted = await store.read(lastDays(query.days, now()), domain);
        return ok({ days: query.days, domains: shadowVerdicts(counted) });
      },
    ),
  ];
}
