/** What the admin port answers with: the services of operators over the store, health, and metrics. */
import { apiRoutes } from "../admin/api.ts";
import { boardPages } from "../admin/board.ts";
import { openApiDocument } from "../admin/openapi.ts";
import type { ApiParts } from "../admin/parts.ts";
import { createReadiness, type Readiness } from "../admin/readiness.ts";
import { createRemembered } from "../admin/remembered.ts";
import { createQueueCount, type QueueCount } from "../admin/routes-queue.ts";
import type { AdminServerOptions } from "../admin/server.ts";
import { staticPages } from "../admin/static-pages.ts";
import type { KeptResult } from "../check/kept-result.ts";
import type { Config } from "../config/config.ts";
import { domainRule } from "../config/domain-rule.ts";
import { withException } from "../delivery/domain-rules.ts";
import type { Events } from "../observe/events.ts";
import type { Metrics, Standing } from "../observe/metrics.ts";
import { domainRows } from "../operate/domains.ts";
import { createIncidentService } from "../operate/incidents.ts";
import { createMessageService } from "../operate/message.ts";
import { createPolicyService } from "../operate/policies.ts";
import { createQueueService } from "../operate/queue.ts";
import { createRuleService } from "../operate/rules.ts";
import { lastDays } from "../operate/shadow.ts";
import { createCheckResults } from "../store/check-results.ts";
import { createDomainTlsStore } from "../store/domain-tls.ts";
import { createFlowStore } from "../store/flow.ts";
import { createIncidentStore } from "../store/incidents.ts";
import { operatorTrail } from "../store/operator-actions.ts";
import { createPolicyAdmin } from "../store/policy-admin.ts";
import { createPolicyStore } from "../store/policy-store.ts";
import { openRawQueues } from "../store/raw-queues.ts";
import { createRuleStore } from "../store/rules.ts";
import { createShadowStore } from "../store/shadow.ts";
import { countWorkers } from "../store/workers.ts";
import type { AdminRunning, AdminSetting } from "./admin.ts";
import { createChecks } from "./checks.ts";
import { refreshPolicyNow } from "./refresh-policy.ts";

type Parts = AdminSetting & AdminRunning & { version: string; metrics: Metrics; events: Events };

/** A worker that has been silent for longer is held for dead: see `store/worker-presence.ts`. */
const WORKER_SILENCE_MS = 60_000;
/** The share of verified TLS is that of these days. */
const SHARE_DAYS = 7;

/** What it opens, `stack` closes. */
export async function openAdminParts(
  parts: Parts,
  stack: AsyncDisposableStack,
): Promise<Pick<AdminServerOptions, "routes" | "pages" | "open">> {
  const readiness = createReadiness({ checks: checksOf(parts), now: Date.now });
  const api = apiParts(parts, readiness);
  const counted = createQueueCount(api);
  const routes = apiRoutes(api, counted);
  const document = openApiDocument(routes, parts);
  const queues = () => {
    const raw = openRawQueues(parts.connection);
    stack.defer(() => raw.close());
    return raw.queues;
  };
  const pages = [await staticPages(() => document), boardPages(queues), metricsPage(parts, api, counted)];
  return { routes, pages, open: healthPages(parts, readiness) };
}

function apiParts(parts: Parts, readiness: Readiness): ApiParts {
  const { config, live, connection, events, protocols, rules, version } = parts;
  const now = Date.now;
  const policies = createPolicyService({ admin: createPolicyAdmin(connection), now });
  const exceptions = createRuleService({ store: createRuleStore(connection), now });
  const incidents = createIncidentService({ store: createIncidentStore(connection) });
  const domainTls = createDomainTlsStore(connection);
  const rows = createRemembered(
    async () =>
      domainRows({
        policies: await policies.list(),
        tls: await domainTls.read(await domainTls.domains()),
        exceptions: await exceptions.list(),
        incidents: await incidents.open(),
        days: lastDays(SHARE_DAYS, now()),
      }),
    { leastMs: 1_000, now },
  );
  const ruleOf = (domain: string) => withException(domainRule(live(), domain), rules.find(domain), now());
  const results = createCheckResults<KeptResult>(connection);
  return {
    about: { hostname: config.hostname, version, startedAt: now() },
    now,
    readiness,
    messages: createMessageService({ connection }),
    queue: createQueueService({ connection, now }),
    policies,
    async refreshPolicy(domain, signal) {
      const seen = await refreshPolicyNow({ config: live(), connection, events }, domain, signal);
      for (const event of seen) events.policy(event);
      return seen;
    },
    rules: exceptions,
    configuredRules: () => configuredRules(live()),
    configuredRule: (domain) => domainRule(live(), domain).mtaSts,
    trail: (most) => operatorTrail(connection.redis, most),
    incidents,
    shadow: createShadowStore(connection),
    domainTls,
    domainRows: () => rows.get(),
    flow: createFlowStore(connection),
    check: (domain, signal) =>
      createChecks(live(), { ...protocols, cache: createPolicyStore(connection), ruleOf })(domain, signal),
    watched: () =>
      Promise.all(live().check.watch.map(async (domain) => ({ domain, result: await results.last(domain) }))),
  };
}

function configuredRules({ domains, mtaSts }: Config): { domain: string; rule: string }[] {
  const own = Object.entries(domains).flatMap(([domain, { mtaSts: rule }]) =>
    rule === undefined ? [] : [{ domain, rule }],
  );
  return [...own, { domain: "all others", rule: mtaSts.rule }];
}

/** A relay that does not take mail, or does not deliver it, is not asked for what that needs. */
function checksOf({ live, connection, protocols, listeners, duties, crew, isStopping }: Parts) {
  const listener = async () => {
    if (isStopping()) return "the relay is stopping: no more mail is taken";
    return listeners > 0 ? undefined : "no listener is open";
  };
  const workers = async () =>
    (await countWorkers(connection.redis, WORKER_SILENCE_MS)) > 0 ? undefined : "no worker has been heard of lately";
  return {
    redis: async () => {
      await connection.redis.ping();
      return undefined;
    },
    // Whether there is such a name does not matter: that there is an answer does.
    resolver: async (signal: AbortSignal) => {
      const answer = await protocols.dns.addresses(live().hostname, { fresh: true, signal });
      return answer.kind === "unknown" ? `${answer.why}: ${answer.detail}` : undefined;
    },
    ...(duties.submission ? { listener } : {}),
    ...(duties.delivery ? { workers } : {}),
    ...(crew === undefined ? {} : { processes: async () => crew.trouble() }),
  };
}

function healthPages({ isStopping }: Parts, readiness: Readiness): AdminServerOptions["open"] {
  return [
    { path: "/livez", answer: async () => ({ status: 200, body: { alive: true, stopping: isStopping() } }) },
    {
      path: "/readyz",
      answer: async () => {
        const report = await readiness.report();
        return { status: report.ready ? 200 : 503, body: report };
      },
    },
  ];
}

function metricsPage(parts: Parts, api: ApiParts, counted: QueueCount): AdminServerOptions["pages"][number] {
  const { metrics, crew } = parts;
  return (app) => {
    app.get("/metrics", async (_request, reply) => {
      const [standing, others] = await Promise.all([standingOf(parts, api, counted), crew?.counted()]);
      return reply.type(metrics.contentType).send(await metrics.text(standing, others));
    });
  };
}

/** While Redis is away there is much to see in the rest: it must not fail with it. */
async function standingOf({ connection }: Parts, api: ApiParts, counted: QueueCount): Promise<Standing> {
  try {
    const [{ states, destinations }, open, workers] = await Promise.all([
      counted.get(),
      api.incidents.open(),
      countWorkers(connection.redis, WORKER_SILENCE_MS),
    ]);
    const oldest = destinations.flatMap(({ oldestAt }) => (oldestAt === undefined ? [] : [Date.parse(oldestAt)]));
    const incidents: Record<string, number> = {};
    for (const { cause } of open) incidents[cause] = (incidents[cause] ?? 0) + 1;
    const oldestSeconds = oldest.length === 0 ? 0 : Math.max(0, (api.now() - Math.min(...oldest)) / 1_000);
    return { redisUp: true, queue: states, oldestSeconds, incidents, workers };
  } catch {
    return { redisUp: false };
  }
}
