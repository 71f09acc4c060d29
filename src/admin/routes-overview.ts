/** All at a glance. */
import { isTroubled } from "../operate/domains.ts";
import { lastMinutes } from "../operate/flow.ts";
import { overview } from "./answers.ts";
import type { ApiParts } from "./parts.ts";
import { ok, route, type Route } from "./route.ts";
import type { QueueCount } from "./routes-queue.ts";

const SHOWN_MINUTES = 60;
const MOST_DESTINATIONS = 8;

type Parts = Pick<ApiParts, "about" | "readiness" | "flow" | "incidents" | "domainRows" | "now">;

export function overviewRoute(parts: Parts, counted: QueueCount): Route {
  const { about, readiness, flow, incidents, domainRows, now } = parts;
  return route(
    {
      method: "GET",
      path: "/api/overview",
      id: "overview",
      section: "Overview",
      summary: "The flow of mail in the last hour, the queue, incidents, and whether all is well",
      answer: overview,
    },
    async () => {
      const [ready, minutes, queue, open, rows] = await Promise.all([
        readiness.report(),
        flow.read(lastMinutes(SHOWN_MINUTES, now())),
        counted.get(),
        incidents.open(),
        domainRows(),
      ]);
      const modes = { enforce: 0, testing: 0, none: 0 };
      for (const { mode } of rows) modes[mode] += 1;
      return ok({
        relay: { ...about, startedAt: new Date(about.startedAt).toISOString() },
        readiness: ready,
        flow: minutes,
        queue: { ...queue, destinations: queue.destinations.slice(0, MOST_DESTINATIONS) },
        incidents: open,
        domains: { total: rows.length, modes, troubled: rows.filter(isTroubled).length },
      });
    },
  );
}
