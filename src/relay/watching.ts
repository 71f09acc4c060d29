/**
 * What the relay watches while it works: incidents, what `enforce` would have
 * refused, when records were looked at. Collected in memory by the work itself,
 * written down once a second beside it.
 */
import type { Config } from "../config/config.ts";
import type { SessionSeen } from "../delivery/session-seen.ts";
import type { PolicyAnswer, PolicyEvent } from "../mta-sts/answer.ts";
import type { PolicySource } from "../mta-sts/policy-source.ts";
import type { Events } from "../observe/events.ts";
import { createCheckNotes } from "../operate/check-notes.ts";
import { createIncidentDesk } from "../operate/incident-desk.ts";
import { viewOf } from "../operate/incidents.ts";
import { createShadowCounter, dayOf, shadowVerdicts, summaryOf } from "../operate/shadow.ts";
import { createTlsTally } from "../operate/tls-tally.ts";
import type { StoreConnection } from "../store/connection.ts";
import { createDomainTlsStore } from "../store/domain-tls.ts";
import { createIncidentStore, type Incident } from "../store/incidents.ts";
import { createPolicyAdmin } from "../store/policy-admin.ts";
import type { ScheduledTask } from "../store/schedule.ts";
import { createShadowStore } from "../store/shadow.ts";
import { createTlsSites } from "../store/tls-sites.ts";
import type { Tell } from "./webhooks.ts";

export type Watching = {
  policy(event: PolicyEvent): void;
  session(seen: SessionSeen): void;
  /** The same source, with each answer looked at, and told to `onAnswer`. */
  watched(policies: PolicySource, onAnswer?: (answer: PolicyAnswer) => void): PolicySource;
  tasks: ScheduledTask[];
  flush(): Promise<void>;
};

export type WatchingParts = { live: () => Config; connection: StoreConnection; events: Events; tell: Tell };

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Without a clock of its own: for a command that flushes once. */
export function createWatching(parts: WatchingParts): Watching {
  const { live, connection } = parts;
  const desk = createIncidentDesk({
    store: createIncidentStore(connection),
    sites: createTlsSites(connection),
    now: Date.now,
    get certificateWarningMs() {
      return live().incidents.certificateWarningMs;
    },
    get tlsLoss() {
      return live().incidents.tlsLoss;
    },
    ...incidentNews(parts),
  });
  const shadowStore = createShadowStore(connection);
  const shadow = createShadowCounter({
    store: shadowStore,
    get scope() {
      return live().mtaSts.shadow;
    },
  });
  const tally = createTlsTally({ store: createDomainTlsStore(connection) });
  const checks = createCheckNotes({ store: createPolicyAdmin(connection), now: Date.now });
  return {
    policy: (event) => desk.policy(event),
    session(seen) {
      desk.session(seen);
      shadow.session(seen);
      tally.session(seen);
    },
    watched: (policies, onAnswer) => ({
      ...policies,
      async answer(domain, options) {
        const answer = await policies.answer(domain, options);
        checks.answer(domain, answer);
        onAnswer?.(answer);
        return answer;
      },
    }),
    tasks: [
      { name: "incident-sweep", everyMs: MINUTE_MS, run: () => desk.sweep() },
      { name: "shadow-summary", everyMs: 10 * MINUTE_MS, run: () => summarise(parts, shadowStore) },
    ],
    async flush() {
      await desk.flush();
      await shadow.flush();
      await checks.flush();
      await tally.flush();
    },
  };
}

/** Flushes by itself. What it starts, `stack` stops. */
export function startWatching(parts: WatchingParts, stack: AsyncDisposableStack): Watching {
  const watching = createWatching(parts);
  let running: Promise<void> | undefined;
  let isFaulty = false;
  const flush = async () => {
    try {
      await watching.flush();
      isFaulty = false;
    } catch (err) {
      // While Redis is away once is enough; what was collected stays.
      if (!isFaulty) parts.events.fault({ where: "watching", err });
      isFaulty = true;
    }
  };
  const again = () => {
    running ??= flush().finally(() => {
      running = undefined;
    });
  };
  const timer = setInterval(again, SECOND_MS);
  stack.defer(async () => {
    clearInterval(timer);
    await running;
    await flush();
  });
  return watching;
}

function incidentNews({ events, tell }: WatchingParts) {
  return {
    onOpened: (incident: Incident) => {
      events.incidentOpened(incident);
      tell("incident-opened", { incident: viewOf(incident) });
    },
    onClosed: (incident: Incident) => {
      events.incidentClosed({ ...incident, because: incident.because ?? "" });
      tell("incident-closed", { incident: viewOf(incident) });
    },
  };
}

/** For the day that has ended, once, by whichever process comes first. */
async function summarise({ events, tell }: WatchingParts, store: ReturnType<typeof createShadowStore>): Promise<void> {
  const day = dayOf(Date.now() - DAY_MS);
  const days = await store.read([day]);
  if (days.length === 0 || !(await store.claimSummary(day))) return;
  const summary = summaryOf(day, shadowVerdicts(days));
  events.shadowSummary(summary);
  tell("shadow-summary", summary);
}
