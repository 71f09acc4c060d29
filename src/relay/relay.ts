/**
 * The relay: makes the parts from the configuration, joins them, runs them, and
 * lets them end in the right order.
 */
import type { Config } from "../config/config.ts";
import { createMessageIds } from "../mail/message-id.ts";
import type { PolicyEvent } from "../mta-sts/answer.ts";
import { createEvents, type Events } from "../observe/events.ts";
import type { Logger } from "../observe/log.ts";
import type { MetricsSnapshot } from "../observe/metrics.ts";
import { HandOver } from "../store/hand-over.ts";
import { KeptTexts } from "../store/kept-texts.ts";
import { createMailQueue } from "../store/mail-queue.ts";
import { wakeAllParked } from "../store/parking.ts";
import { prepareAdmin } from "./admin.ts";
import type { Crew, CrewParts } from "./crew.ts";
import { startDeliveries } from "./deliveries.ts";
import { openSigner, signingQueue } from "./dkim-keys.ts";
import { type Duties, dutiesOf } from "./duties.ts";
import { startMaintenance } from "./maintenance.ts";
import { createProtocols } from "./protocols.ts";
import { planReload } from "./reload.ts";
import { openRules } from "./rules.ts";
import { type Publishing, startPublishing } from "./publishing.ts";
import { startSubmission, type Submission } from "./submission.ts";
import { openStore, type StoreTarget } from "./store.ts";
import { countTlsResults, openTlsReporting, tlsReportTasks } from "./tls-reports.ts";
import { startWatching } from "./watching.ts";
import { openWebhooks, startWebhooks } from "./webhooks.ts";

export type Relay = {
  /** Where it takes mail, with the ports that were really taken. */
  addresses: { host: string; port: number; tls: "starttls" | "implicit" | "none" }[];
  /** Where the policies of our domains are served. */
  policyServers: { host: string; port: number; tls: "implicit" | "none" }[];
  /** Where the admin port answers; absent when there is none. */
  admin?: { host: string; port: number };
  /** Takes over what may change while it runs, says what needs a restart, and reads the certificate again. */
  reload(config: Config): Promise<void>;
  /** Takes over the mail of processes of this machine that have ended. */
  takeOver(): Promise<void>;
  /** What this process has counted. `undefined`: nothing is. */
  counted(): Promise<MetricsSnapshot | undefined>;
  /** Takes no more mail, lets deliveries under way end, and closes everything. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type RelayParts = {
  log: Logger;
  /** In place of those that write to `log`, for those who watch. */
  events?: Events;
  /** Default: what the configured role has. */
  duties?: Duties;
  /** Starts processes for submission and delivery; this one's duties are the rest. */
  withCrew?: boolean;
  /** A Redis that another process of this relay has started, or looked at. */
  redis?: StoreTarget;
};

/** Throws a `StartError`. */
export async function startRelay(config: Config, parts: RelayParts): Promise<Relay> {
  const { duties = dutiesOf(config.role) } = parts;
  const plainEvents = parts.events ?? createEvents(parts.log);
  await using opened = new AsyncDisposableStack();
  const { connection, target } = await openStore(config, plainEvents, opened, parts.redis);
  let current = config;
  let isStopping = false;
  const live = () => current;
  const admin = await prepareAdmin(
    { config, live, connection, events: plainEvents, isStopping: () => isStopping },
    opened,
  );
  const { events } = admin;
  const ids = createMessageIds();
  const kept = new KeptTexts({ mark: ids.mark });
  const handOver = new HandOver();
  const plainQueue = createMailQueue({
    connection,
    handOver,
    kept,
    stopIntakeAt: config.redis.stopIntakeAt,
    keepsHistory: config.history.maxMessages > 0,
    onIntake: (stopped, memory) => (stopped ? events.intakeStopped(memory) : events.intakeResumed(memory)),
  });
  opened.defer(() => plainQueue.close());
  const queue = signingQueue(admin.timed(plainQueue), await openSigner(config));
  const tell = openWebhooks({ live, connection, events }, opened);
  const watching = startWatching({ live, connection, events, tell }, opened);
  const tlsCounting = countTlsResults({ config, connection, events }, opened);
  const policyEvents = (event: PolicyEvent) => {
    events.policy(event);
    tlsCounting.policy(event);
    watching.policy(event);
  };
  const protocols = await createProtocols(config, connection, { policy: policyEvents }, live);
  const rules = await openRules({ connection, events, tell }, opened);
  if (duties.maintenance) {
    startWebhooks({ live, connection, events, network: protocols }, opened);
    const reports = await openTlsReporting({ config, connection, queue, network: protocols, events });
    const tasks = [...watching.tasks, ...tlsReportTasks(reports)];
    startMaintenance({ config, live, connection, protocols, events, rules, tasks }, opened);
  }
  const { onTlsResult } = tlsCounting;
  const deliveries = duties.delivery
    ? startDeliveries(
        {
          config,
          live,
          connection,
          queue,
          handOver,
          kept,
          protocols,
          events,
          watching,
          rules,
          onTlsResult,
          counting: admin,
        },
        opened,
      )
    : undefined;
  const publishing = duties.publishing
    ? await startPublishing({ live, dns: protocols.dns, events }, opened)
    : NO_PUBLISHING;
  const wakeAll = () => {
    const most = live().delivery.maxSessionsPerDestination;
    // With Redis away they come by themselves, when their time is over.
    wakeAllParked(connection.redis, most, Date.now()).catch(() => undefined);
  };
  const crew =
    parts.withCrew === true ? await hire({ live, redis: target, events, onChange: wakeAll }, opened) : undefined;
  const submission = duties.submission
    ? await startSubmission({ live, connection, queue, ids, events, log: parts.log }, opened)
    : { ...NO_SUBMISSION, addresses: crew?.addresses ?? [] };
  const listeners = submission.addresses.length;
  const adminAddress = duties.adminPort
    ? await admin.open({ protocols, queue, rules, duties: dutiesOf(config.role), listeners, crew })
    : undefined;
  events.started({
    role: config.role,
    listeners: submission.addresses.map(({ host, port, tls }) => `${host}:${port} (${tls})`),
    redis: connection.where,
    ...(crew === undefined ? {} : { processes: config.processes }),
  });
  const running = opened.move();
  const stop = async () => {
    if (running.disposed) return;
    isStopping = true;
    await running.disposeAsync();
    events.stopped();
  };
  const reload = async (next: Config) => {
    if (running.disposed) return;
    const plan = planReload(current, next);
    current = plan.config;
    parts.log.level = current.log.level;
    events.configurationApplied({ settings: plan.applied });
    if (plan.needRestart.length > 0) events.restartNeeded({ settings: plan.needRestart });
    crew?.reload(current);
    await Promise.all([submission.renewCertificate(), publishing.reload()]);
  };
  return {
    addresses: submission.addresses,
    policyServers: publishing.addresses,
    ...(adminAddress === undefined ? {} : { admin: adminAddress }),
    reload,
    takeOver: async () => deliveries?.takeOver(),
    counted: () => admin.counted(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const NO_PUBLISHING: Publishing = { addresses: [], reload: async () => undefined };
const NO_SUBMISSION: Submission = { addresses: [], renewCertificate: async () => undefined };

/** Not loaded where one process does it all. */
async function hire(parts: CrewParts, stack: AsyncDisposableStack): Promise<Crew> {
  const { startCrew } = await import("./crew.ts");
  return startCrew(parts, stack);
}
