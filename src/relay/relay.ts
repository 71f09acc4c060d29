/**
 * The relay: makes the parts from the configuration, joins them, runs them, and
 * lets them end in the right order.
 */
import type { Config } from "../config/config.ts";
import type { PolicyEvent } from "../mta-sts/answer.ts";
import { createEvents, type Events } from "../observe/events.ts";
import type { Logger } from "../observe/log.ts";
import { createMailQueue } from "../store/mail-queue.ts";
import { prepareAdmin } from "./admin.ts";
import { startDeliveries } from "./deliveries.ts";
import { openSigner, signingQueue } from "./dkim-keys.ts";
import { createProtocols } from "./protocols.ts";
import { planReload } from "./reload.ts";
import { openRules } from "./rules.ts";
import { startPublishing } from "./publishing.ts";
import { startSubmission } from "./submission.ts";
import { openStore } from "./store.ts";
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
  /** Takes no more mail, lets deliveries under way end, and closes everything. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** @param parts `events` in place of those that write to `log`, for those who watch. Throws a `StartError`. */
export async function startRelay(config: Config, parts: { log: Logger; events?: Events }): Promise<Relay> {
  const plainEvents = parts.events ?? createEvents(parts.log);
  await using opened = new AsyncDisposableStack();
  const connection = await openStore(config, plainEvents, opened);
  let current = config;
  let isStopping = false;
  const live = () => current;
  const admin = await prepareAdmin(
    { config, live, connection, events: plainEvents, isStopping: () => isStopping },
    opened,
  );
  const { events } = admin;
  const plainQueue = createMailQueue({
    connection,
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
  startWebhooks({ live, connection, events, network: protocols }, opened);
  const rules = await openRules({ connection, events, tell }, opened);
  const tasks = tlsReportTasks(await openTlsReporting({ config, connection, queue, network: protocols, events }));
  const { onTlsResult } = tlsCounting;
  startDeliveries(
    { config, live, connection, queue, protocols, events, watching, rules, tasks, onTlsResult, counting: admin },
    opened,
  );
  const publishing = await startPublishing({ live, dns: protocols.dns, events }, opened);
  const submission = await startSubmission({ live, connection, queue, events, log: parts.log }, opened);
  const adminAddress = await admin.open({ protocols, queue, rules, listeners: submission.addresses.length });
  events.started({
    role: "all",
    listeners: submission.addresses.map(({ host, port, tls }) => `${host}:${port} (${tls})`),
    redis: connection.where,
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
    await Promise.all([submission.renewCertificate(), publishing.reload()]);
  };
  return {
    addresses: submission.addresses,
    policyServers: publishing.addresses,
    ...(adminAddress === undefined ? {} : { admin: adminAddress }),
    reload,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
