/**
 * What happens to the policies that we publish for others.
 */
import type { Logger } from "pino";

export function publishEvents(log: Logger) {
  return {
    publishing: (what: { listeners: string[] }) =>
      log.info({ event: "publishing", ...what }, "policies of our domains are served"),
    policyPublished: (what: { domain: string; id: string; mode: string; mx: string[] }) =>
      log.info(
        { event: "policy-published", ...what },
        `policy published for ${what.domain}: ${what.mode}, id ${what.id}`,
      ),
    policyUnavailable: (what: { domain: string; detail: string }) =>
      log.warn(
        { event: "policy-unavailable", ...what },
        `no policy can be published for ${what.domain}: ${what.detail}`,
      ),
    policyAsked: (what: { client: string; host: string; method: string; status: number }) =>
      log.debug({ event: "policy-asked", ...what }, `${what.client} asked for a policy, answered ${what.status}`),
  };
}
