/**
 * The relay: makes the parts from the configuration, joins them, runs them, and
 * lets them end in the right order.
 */
import type { Config } from "../config/config.ts";
import { createEvents, type Events } from "../observe/events.ts";
import type { Logger } from "../observe/log.ts";
import { createMailQueue } from "../store/mail-queue.ts";
import { startDeliveries } from "./deliveries.ts";
import { createProtocols } from "./protocols.ts";
import { planReload } from "./reload.ts";
import { startPublishing } from "./publishing.ts";
import { startSubmission } from "./submission.ts";
import { openStore } from "./store.ts";

export type Relay = {
  /** Where it takes mail, with the ports that were really taken. */
  addresses: { host: string; port: number; tls: "starttls" | "implicit" | "none" }[];
  /** Where the policies of our domains are served. */
  policyServers: { host: string; port: number; tls: "implicit" | "none" }[];
  /** Takes over what may change while it runs, says what needs a restart, and reads the certificate again. */
  reload(config: Config): Promise<void>;
  /** Takes no more mail, lets deliveries under way end, and closes everything. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** @param parts `events` in place of those that write to `log`, for those who watch. Throws a `StartError`. */
export async function startRelay(config: Config, parts: { log: Logger; events?: Events }): Promise<Relay> {
  const events = parts.events ?? createEvents(parts.log);
  await using opened = new AsyncDisposableStack();
  const connection = await openStore(config, events, opened);
  const queue = createMailQueue({
    connection,
    stopIntakeAt: config.redis.stopIntakeAt,
    keepsHistory: config.history.maxMessages > 0,
  });
  opened.defer(() => queue.close());
  let current = config;
  const live = () => current;
  const protocols = await createProtocols(config, connection, events, live);
  startDeliveries({ config, live, connection, queue, protocols, events }, opened);
  const publishing = await startPublishing({ live, dns: protocols.dns, events }, opened);
  const submission = await startSubmission({ live, connection, queue, events, log: parts.log }, opened);
  events.started({
    role: "all",
    listeners: submission.addresses.map(({ host, port, tls }) => `${host}:${port} (${tls})`),
    redis: connection.where,
  });
  const running = opened.move();
  const stop = async () => {
    if (running.disposed) return;
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
    await Promise.all([submission.renewCertificate(), publishing.renewCertificates()]);
  };
  return {
    addresses: submission.addresses,
    policyServers: publishing.addresses,
    reload,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
