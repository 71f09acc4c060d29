/** All operations of the API. */
import type { ApiParts } from "./parts.ts";
import type { Route } from "./route.ts";
import { checkRoutes } from "./routes-checks.ts";
import { domainRoutes } from "./routes-domains.ts";
import { messageRoutes } from "./routes-messages.ts";
import { overviewRoute } from "./routes-overview.ts";
import { policyRoutes } from "./routes-policies.ts";
import { type QueueCount, queueRoutes } from "./routes-queue.ts";
import { ruleRoutes } from "./routes-rules.ts";

export function apiRoutes(parts: ApiParts, counted: QueueCount): Route[] {
  return [
    overviewRoute(parts, counted),
    ...messageRoutes(parts),
    ...queueRoutes(parts, counted),
    ...domainRoutes(parts, counted),
    ...checkRoutes(parts),
    ...policyRoutes(parts),
    ...ruleRoutes(parts),
  ];
}
