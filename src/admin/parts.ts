/** What the admin port works with; relay/ makes and joins it. */
import type { CheckDomain } from "../check/check.ts";
import type { KeptResult } from "../check/kept-result.ts";
import type { Domain } from "../dns/answer.ts";
import type { PolicyEvent } from "../mta-sts/answer.ts";
import type { DomainRow } from "../operate/domains.ts";
import type { createIncidentService } from "../operate/incidents.ts";
import type { MessageService } from "../operate/message.ts";
import type { createPolicyService } from "../operate/policies.ts";
import type { QueueService } from "../operate/queue.ts";
import type { createRuleService } from "../operate/rules.ts";
import type { DomainTlsStore } from "../store/domain-tls.ts";
import type { FlowStore } from "../store/flow.ts";
import type { OperatorAction } from "../store/operator-actions.ts";
import type { ShadowStore } from "../store/shadow.ts";
import type { Readiness } from "./readiness.ts";

export type ApiParts = {
  about: { hostname: string; version: string; startedAt: number };
  now: () => number;
  readiness: Readiness;
  messages: MessageService;
  queue: QueueService;
  policies: ReturnType<typeof createPolicyService>;
  /** Fetches a policy anew. */
  refreshPolicy(domain: Domain, signal: AbortSignal): Promise<PolicyEvent[]>;
  rules: ReturnType<typeof createRuleService>;
  /** The configuration's own, by domain, and for all others. */
  configuredRules(): { domain: string; rule: string }[];
  configuredRule(domain: Domain): string;
  trail(most: number): Promise<OperatorAction[]>;
  incidents: ReturnType<typeof createIncidentService>;
  shadow: Pick<ShadowStore, "read">;
  domainTls: Pick<DomainTlsStore, "read" | "hosts">;
  /** All rows, a few seconds old. */
  domainRows(): Promise<DomainRow[]>;
  flow: Pick<FlowStore, "read">;
  check: CheckDomain;
  /** Domains of the watch list, with their latest results. */
  watched(): Promise<{ domain: Domain; result: KeptResult | undefined }[]>;
};
