/** Checks of domains before mail does, and of policy files. */
import { worstOf } from "../check/finding.ts";
import { checkAsJson } from "../check/json.ts";
import { lintPolicyFile, MOST_POLICY_BYTES } from "../check/policy-file.ts";
import { toDomain } from "../dns/name.ts";
import { check, lineNote, watched } from "./answers.ts";
import type { ApiParts } from "./parts.ts";
import { type Handled, ok, route, type Route, unusable } from "./route.ts";
import { answer, domainText, list, oneOf, request } from "./schema.ts";

/** Each opens sessions with all hosts of a domain. */
const MOST_AT_A_TIME = 4;

const BUSY: Handled = { status: 429, body: { error: "other checks are under way: try again in a moment" } };

export function checkRoutes(parts: Pick<ApiParts, "check" | "watched">): Route[] {
  let running = 0;
  const section = "Checks";
  return [
    route(
      {
        method: "POST",
        path: "/api/domains/{domain}/check",
        id: "checkDomain",
        section,
        summary: "Meet a domain as a delivery would, without a message",
        details: "Takes seconds, and minutes where all hosts are silent.",
        params: request({ domain: domainText }),
        answer: check,
        others: { 422: "This is not a domain.", 429: "Too many checks are under way." },
      },
      async ({ params, signal }) => {
        const domain = toDomain(params.domain);
        if (domain === undefined) return unusable("this is not a domain");
        if (running >= MOST_AT_A_TIME) return BUSY;
        running += 1;
        try {
          return ok(checkAsJson(await parts.check(domain, signal)));
        } finally {
          running -= 1;
        }
      },
    ),
    route(
      {
        method: "POST",
        path: "/api/check-policy-file",
        id: "checkPolicyFile",
        section,
        summary: "Read a policy file line by line, as senders would",
        body: request({ text: { type: "string", maxLength: MOST_POLICY_BYTES } }),
        answer: answer({ severity: oneOf("ok", "info", "warning", "error"), notes: list(lineNote) }),
      },
      async ({ body }) => {
        const notes = lintPolicyFile(Buffer.from(body.text, "utf8"));
        return ok({ severity: worstOf(notes.map((note) => note.severity)), notes });
      },
    ),
    route(
      {
        method: "GET",
        path: "/api/watched",
        id: "watchedDomains",
        section,
        summary: "The domains that are checked by the clock, with what was found last",
        answer: answer({ domains: list(watched) }),
      },
      async () => {
        const domains = (await parts.watched()).map(({ domain, result }) =>
          result === undefined
            ? { domain }
            : { domain, ...result, checkedAt: new Date(result.checkedAt).toISOString() },
        );
        return ok({ domains });
      },
    ),
  ];
}
