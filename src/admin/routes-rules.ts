/** Exceptions, what operators did, and incidents. */
import { readDomain } from "../operate/rules.ts";
import { action, exception, incident, RULES } from "./answers.ts";
import type { ApiParts } from "./parts.ts";
import { missing, ok, route, type Route, unusable } from "./route.ts";
import { answer, domainText, limit, list, oneOf, request, shortText, TEXT, TIME } from "./schema.ts";

const DOMAIN = request({ domain: domainText });

const WISH = request(
  { reason: { ...shortText, description: "Why; it goes into the log and the history." } },
  {
    mtaSts: { ...oneOf(...RULES), description: "Either this or `pinMx`." },
    pinMx: {
      type: "array",
      items: domainText,
      minItems: 1,
      maxItems: 50,
      description: "Only these MX hosts, over verified TLS, whatever a policy says.",
    },
    until: { ...TIME, description: "When it ends by itself. Absent: not before it is taken back." },
  },
);

type Parts = Pick<ApiParts, "rules" | "configuredRules" | "trail" | "incidents">;

export function ruleRoutes({ rules, configuredRules, trail, incidents }: Parts): Route[] {
  const section = "Exceptions";
  return [
    route(
      {
        method: "GET",
        path: "/api/rules",
        id: "listRules",
        section,
        summary: "The exceptions in force, and the configured rules below them",
        answer: answer({
          exceptions: list(exception),
          configured: list(answer({ domain: TEXT, rule: oneOf(...RULES) })),
        }),
      },
      async () => ok({ exceptions: await rules.list(), configured: configuredRules() }),
    ),
    route(
      {
        method: "PUT",
        path: "/api/rules/{domain}",
        id: "setRule",
        section,
        summary: "Set an exception for a domain",
        details:
          "It takes the place of the configured rule for this domain, in all workers, within a second. Mail that waits for the domain is tried again at once.",
        params: DOMAIN,
        body: WISH,
        answer: answer({ exception }),
        others: { 422: "What is asked for makes no sense." },
      },
      async ({ params: { domain }, body: { until, ...wish }, by }) => {
        const set = await rules.set({
          domain,
          by,
          ...wish,
          ...(until === undefined ? {} : { until: Date.parse(until) }),
        });
        return "wrong" in set ? unusable(set.wrong) : ok(set);
      },
    ),
    route(
      {
        method: "DELETE",
        path: "/api/rules/{domain}",
        id: "removeRule",
        section,
        summary: "Take an exception back before its end",
        params: DOMAIN,
        answer: answer({ removed: exception }),
        others: { 404: "There is none for this domain.", 422: "This is not a domain." },
      },
      async ({ params, by }) => {
        const domain = readDomain(params.domain);
        if (domain === undefined) return unusable("this is not a domain");
        const removed = await rules.remove(domain, by);
        return removed === undefined ? missing("there is no exception for this domain") : ok({ removed });
      },
    ),
    route(
      {
        method: "GET",
        path: "/api/trail",
        id: "trail",
        section,
        summary: "What operators did, and which exceptions have ended; the latest first",
        query: request({}, { limit: limit(1_000, 100) }),
        answer: answer({ trail: list(action) }),
      },
      async ({ query }) => ok({ trail: await trail(query.limit) }),
    ),
    route(
      {
        method: "GET",
        path: "/api/incidents",
        id: "incidents",
        section: "Incidents",
        summary: "Incidents that are open, and those that are over; the latest first",
        answer: answer({ open: list(incident), past: list(incident) }),
      },
      async () => {
        const [open, past] = await Promise.all([incidents.open(), incidents.past()]);
        return ok({ open, past });
      },
    ),
  ];
}
