/**
 * The TLS reports of the relay: what is counted for them, and who sends them.
 */
import type { Config } from "../config/config.ts";
import { createSigner } from "../dkim/signer.ts";
import { domainOf } from "../mail/envelope.ts";
import type { PolicyEvent } from "../mta-sts/answer.ts";
import type { Events } from "../observe/events.ts";
import type { StoreConnection } from "../store/connection.ts";
import type { MailQueue } from "../store/mail-queue.ts";
import type { ScheduledTask } from "../store/schedule.ts";
import { createTlsBooks, queuedNote } from "../store/tls-results.ts";
import { createTlsCollector } from "../tls-reports/collect.ts";
import { reportMail } from "../tls-reports/report-mail.ts";
import { createReporting, type Reporting } from "../tls-reports/reporting.ts";
import { policyFailure } from "../tlsrpt/policy-failure.ts";
import { createPostReport } from "../tlsrpt/post.ts";
import type { SessionResult } from "../tlsrpt/result.ts";
import { readDkimKeys, reportKey } from "./dkim-keys.ts";
import type { Network } from "./protocols.ts";

export type TlsCounting = {
  /** `undefined`: no reports, so nothing is counted. */
  onTlsResult: ((result: SessionResult) => void) | undefined;
  policy(event: PolicyEvent): void;
};

/** What it starts, `stack` stops: to be called before deliveries start, so that it ends after them. */
export function countTlsResults(
  parts: { config: Config; connection: StoreConnection; events: Pick<Events, "fault"> },
  stack: AsyncDisposableStack,
): TlsCounting {
  if (parts.config.tlsReports === undefined) return { onTlsResult: undefined, policy: () => undefined };
  const collector = createTlsCollector({
    books: createTlsBooks(parts.connection),
    onFault: (err) => parts.events.fault({ where: "counting for TLS reports", err }),
  });
  stack.defer(() => collector.close());
  return {
    onTlsResult: (result) => collector.add(result),
    policy: (event) => {
      const result = policyFailure(event, Date.now());
      if (result !== undefined) collector.add(result);
    },
  };
}

export type TlsReportParts = {
  config: Config;
  connection: StoreConnection;
  queue: Pick<MailQueue, "addNoted">;
  network: Pick<Network, "dns" | "guard" | "trust">;
  events: Pick<Events, "tlsReport" | "fault">;
  now?: () => number;
};

/** `undefined` when no reports are to be sent. Throws a `StartError` for a key that cannot be used. */
export async function openTlsReporting(parts: TlsReportParts): Promise<Reporting | undefined> {
  const { config, connection, queue, network, events, now = Date.now } = parts;
  const { tlsReports: settings, retry } = config;
  if (settings === undefined) return undefined;
  const { organization, contact, from } = settings;
  const reporter = { organization, contact, submitter: domainOf(from) };
  const sign = createSigner(await readDkimKeys([reportKey(settings)]));
  return createReporting({
    books: createTlsBooks(connection),
    dns: network.dns,
    post: createPostReport({ dns: network.dns, guard: network.guard, secureContext: network.trust.strict }),
    mail: async (report, body, key, to) => {
      const message = await reportMail({ reporter, from, sign, now }, key, report, body, to);
      await queue.addNoted(message, retry.lifetimeMs, queuedNote(key, to.uri, message.id, now()));
      return message.id;
    },
    reporter,
    events,
    now,
  });
}

export function tlsReportTasks(reporting: Reporting | undefined): ScheduledTask[] {
  if (reporting === undefined) return [];
  return [{ name: "tls-reports", everyMs: 60_000, run: async (signal) => void (await reporting.sendDue(signal)) }];
}
