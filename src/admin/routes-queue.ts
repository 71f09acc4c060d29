/** The queue: summed up, listed, and changed at an operator's word. */
import { readDomain } from "../operate/rules.ts";
import type { QueueOverview } from "../operate/queue.ts";
import type { Selection } from "../operate/selection.ts";
import type { QueuedJob } from "../store/queue-read.ts";
import { changeReport, job, JOB_STATES, queueOverview, VERBS } from "./answers.ts";
import type { ApiParts } from "./parts.ts";
import { createRemembered } from "./remembered.ts";
import { ok, route, type Route, unusable } from "./route.ts";
import { answer, COUNT, domainText, FLAG, limit, list, oneOf, request, shortText, TEXT } from "./schema.ts";

export type CountedQueue = QueueOverview & { countedAt: string };

const MOST_DESTINATIONS = 500;

/** The queue summed up: all who ask share one look at it, which at 100,000 deliveries takes a second. */
export function createQueueCount({ queue, now }: Pick<ApiParts, "queue" | "now">) {
  const count = async (): Promise<CountedQueue> => {
    const countedAt = new Date(now()).toISOString();
    return { ...(await queue.overview(MOST_DESTINATIONS)), countedAt };
  };
  return createRemembered(count, { leastMs: 1_000, now });
}

export type QueueCount = ReturnType<typeof createQueueCount>;

const SELECTION = {
  messages: { type: "array", items: shortText, maxItems: 1_000, description: "Queue ids." },
  from: { ...TEXT, maxLength: 320, description: "Sender: an address or a domain; `<>` for reports." },
  to: { ...domainText, description: "The recipients' domain." },
  state: oneOf(...JOB_STATES),
} as const;

export function queueRoutes({ queue }: Pick<ApiParts, "queue">, counted: QueueCount): Route[] {
  return [
    route(
      {
        method: "GET",
        path: "/api/queue",
        id: "queueOverview",
        section: "Queue",
        summary: "Totals, and a table by destination",
        details: "As of `countedAt`: a large queue is not counted anew for each request.",
        query: request({}, { limit: limit(MOST_DESTINATIONS, 100) }),
        answer: queueOverview,
      },
      async ({ query }) => {
        const overview = await counted.get();
        return ok({ ...overview, destinations: overview.destinations.slice(0, query.limit) });
      },
    ),
    route(
      {
        method: "GET",
        path: "/api/queue/jobs",
        id: "listQueue",
        section: "Queue",
        summary: "Deliveries that wait, the oldest first",
        query: request({}, { ...SELECTION, limit: limit(500, 50) }),
        answer: answer({ matched: COUNT, jobs: list(job) }),
        others: { 422: "What was asked for makes no sense." },
      },
      async ({ query: { limit: most, ...wanted }, signal }) => {
        const selection = readSelection(wanted);
        if ("wrong" in selection) return unusable(selection.wrong);
        const { matched, jobs } = await queue.list(selection, most, { signal });
        return ok({ matched, jobs: jobs.map(jobJson) });
      },
    ),
    route(
      {
        method: "POST",
        path: "/api/queue/{verb}",
        id: "changeQueue",
        section: "Queue",
        summary: "Retry, hold, release, bounce or drop deliveries",
        details:
          "All that is given must hold for a delivery. With nothing given, `all` must be true. One that is under way is `ordered`: its worker does it when the attempt has ended.",
        params: request({ verb: oneOf(...VERBS) }),
        body: request({}, { ...SELECTION, all: FLAG, dryRun: FLAG, reason: shortText }),
        answer: changeReport,
        others: { 422: "What was asked for makes no sense." },
      },
      async ({ params: { verb }, body, by, signal }) => {
        const { all = false, dryRun = false, reason, ...wanted } = body;
        if (Object.keys(wanted).length === 0 && !all) return unusable("which deliveries? Say all for the whole queue");
        const selection = readSelection(wanted);
        if ("wrong" in selection) return unusable(selection.wrong);
        const change = { verb, by, ...(reason === undefined ? {} : { reason }) };
        const report = await queue.change(change, selection, { dryRun, signal });
        counted.forget();
        return ok({ verb, ...report });
      },
    ),
  ];
}

type Wanted = { messages?: string[]; from?: string; to?: string; state?: (typeof JOB_STATES)[number] };

function readSelection({ from, to, ...rest }: Wanted): Selection | { wrong: string } {
  const domain = to === undefined ? undefined : readDomain(to);
  if (to !== undefined && domain === undefined) return { wrong: "to: this is not a domain" };
  return {
    ...rest,
    ...(from === undefined ? {} : { from: from === "<>" ? "" : from }),
    ...(domain === undefined ? {} : { to: domain }),
  };
}

const jobJson = ({ at, ...rest }: QueuedJob) => ({
  ...rest,
  ...(at === undefined ? {} : { at: new Date(at).toISOString() }),
});
