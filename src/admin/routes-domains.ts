/** Recipient domains: the table, and one of them with all that is known. */
import { toDomain } from "../dns/name.ts";
import type { Domain } from "../dns/answer.ts";
import { pageOf, SORT_KEYS } from "../operate/domains.ts";
import { lastDays, shadowVerdicts } from "../operate/shadow.ts";
import { domainDetails, domainRow, MODES } from "./answers.ts";
import type { ApiParts } from "./parts.ts";
import { ok, route, type Route, unusable } from "./route.ts";
import type { QueueCount } from "./routes-queue.ts";
import { answer, COUNT, domainText, FLAG, limit, list, oneOf, request, TEXT } from "./schema.ts";

const SHOWN_DAYS = 14;

type Parts = Pick<
  ApiParts,
  "domainRows" | "policies" | "rules" | "trail" | "incidents" | "domainTls" | "shadow" | "configuredRule" | "now"
>;

export function domainRoutes(parts: Parts, counted: QueueCount): Route[] {
  const section = "Domains";
  return [
    route(
      {
        method: "GET",
        path: "/api/domains",
        id: "listDomains",
        section,
        summary: "A page of the table of recipient domains",
        details: "Domains with a cached policy, and those that mail went to in the last days. A few seconds old.",
        query: request(
          {},
          {
            search: { ...TEXT, maxLength: 300, description: "Part of the name." },
            mode: oneOf(...MODES),
            trouble: { ...FLAG, description: "Only those with something to look at." },
            sort: { ...oneOf(...SORT_KEYS), default: "domain" },
            order: { ...oneOf("asc", "desc"), default: "asc" },
            offset: { ...COUNT, maximum: 1_000_000, default: 0 },
            limit: limit(500, 100),
          },
        ),
        answer: answer({
          total: COUNT,
          matched: COUNT,
          modes: answer({ enforce: COUNT, testing: COUNT, none: COUNT }),
          rows: list(domainRow),
        }),
      },
      async ({ query }) => ok(pageOf(await parts.domainRows(), query)),
    ),
    route(
      {
        method: "GET",
        path: "/api/domains/{domain}",
        id: "showDomain",
        section,
        summary: "All that is known of one domain",
        params: request({ domain: domainText }),
        answer: domainDetails,
        others: { 422: "This is not a domain." },
      },
      async ({ params }) => {
        const domain = toDomain(params.domain);
        return domain === undefined ? unusable("this is not a domain") : ok(await detailsOf(parts, counted, domain));
      },
    ),
  ];
}

async function detailsOf(parts: Parts, counted: QueueCount, domain: Domain) {
  const days = lastDays(SHOWN_DAYS, parts.now());
  const [policy, exceptions, trail, open, past, [tls], hosts, shadowDays, queue] = await Promise.all([
    parts.policies.show(domain),
    parts.rules.list(),
    parts.trail(1_000),
    parts.incidents.open(),
    parts.incidents.past(),
    parts.domainTls.read([domain]),
    parts.domainTls.hosts(domain),
    parts.shadow.read(days, domain),
    counted.get(),
  ]);
  const subjects = new Set([domain, ...hosts.map(({ host }) => host)]);
  const exception = exceptions.find((each) => each.domain === domain);
  const [shadow] = shadowVerdicts(shadowDays);
  const waiting = queue.destinations.find((each) => each.domain === domain);
  return {
    domain,
    policy,
    days: days.map((day) => ({ day, ...(tls?.days.get(day) ?? { verified: 0, encrypted: 0, clear: 0, refused: 0 }) })),
    hosts,
    incidents: [...open, ...past].filter(({ subject }) => subjects.has(subject)),
    trail: trail.filter((each) => each.domain === domain),
    configuredRule: parts.configuredRule(domain),
    ...(exception === undefined ? {} : { exception }),
    ...(shadow === undefined ? {} : { shadow }),
    ...(waiting === undefined ? {} : { queue: waiting }),
  };
}
