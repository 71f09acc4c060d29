/**
 * The relay: makes the parts from the configuration, joins them, runs them, and
 * lets them end in the right order.
 */
import { readFile } from "node:fs/promises";
import type { Config } from "../config/config.ts";
import { createAddressGuard } from "../dns/address-guard.ts";
import { createResolver } from "../dns/resolver.ts";
import { systemServers } from "../dns/system-servers.ts";
import { createPolicyFetch } from "../mta-sts/policy-fetch.ts";
import { createPolicySource, type PolicySource } from "../mta-sts/policy-source.ts";
import { createEvents, type Events } from "../observe/events.ts";
import type { Logger } from "../observe/log.ts";
import { createMailQueue } from "../store/mail-queue.ts";
import { createPolicyStore } from "../store/policy-store.ts";
import type { StoreConnection } from "../store/connection.ts";
import { createTrust } from "../tls/trust.ts";
import { startDeliveries } from "./deliveries.ts";
import { startSubmission } from "./submission.ts";
import { openStore } from "./store.ts";

export type Relay = {
  /** Where it takes mail, with the ports that were really taken. */
  addresses: { host: string; port: number; tls: "starttls" | "implicit" | "none" }[];
  /** Reads the certificates again. */
  reload(): Promise<void>;
  /** Takes no more mail, lets deliveries under way end, and closes everything. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** @param parts `events` in place of those that write to `log`, for those who watch. Throws a `StartError`. */
export async function startRelay(config: Config, parts: { log: Logger; events?: Events }): Promise<Relay> {
  const events = parts.events ?? createEvents(parts.log);
  await using opened = new AsyncDisposableStack();
  const connection = await openStore(config, events, opened);
  const queue = createMailQueue({ connection, stopIntakeAt: config.redis.stopIntakeAt });
  opened.defer(() => queue.close());
  const protocols = await createProtocols(config, connection, events);
  startDeliveries({ config, connection, queue, protocols, events }, opened);
  const submission = await startSubmission({ config, queue, events, log: parts.log }, opened);
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
  return { addresses: submission.addresses, reload: () => submission.reload(), stop, [Symbol.asyncDispose]: stop };
}

export type Protocols = {
  dns: ReturnType<typeof createResolver>;
  guard: ReturnType<typeof createAddressGuard>;
  trust: ReturnType<typeof createTrust>;
  policies: PolicySource;
};

async function createProtocols(config: Config, connection: StoreConnection, events: Events): Promise<Protocols> {
  const { servers, zones, timeoutMs, tries } = config.dns;
  const dns = createResolver({ servers: servers.length === 0 ? systemServers() : servers, zones, timeoutMs, tries });
  const guard = createAddressGuard({ allow: config.network.allow });
  const trust = createTrust(config.tls.caFile === undefined ? undefined : await readFile(config.tls.caFile, "utf8"));
  const fetchPolicy = createPolicyFetch({
    dns,
    guard,
    port: config.mtaSts.policyPort,
    secureContext: trust.strict,
    timeoutMs: config.mtaSts.fetchTimeoutMs,
  });
  const policies = createPolicySource({
    dns,
    store: createPolicyStore(connection),
    fetchPolicy,
    now: Date.now,
    random: Math.random,
    report: (event) => events.policy(event),
  });
  return { dns, guard, trust, policies };
}
