/** Shows and sends one TLS report, from the books that the relays keep in Redis. */
import { toDomain } from "../dns/name.ts";
import { createEvents } from "../observe/events.ts";
import { createLog } from "../observe/log.ts";
import { createNetwork } from "../relay/protocols.ts";
import { EXIT_CONFIG, StartError } from "../relay/start-error.ts";
import { openTlsReporting } from "../relay/tls-reports.ts";
import { createMailQueue } from "../store/mail-queue.ts";
import type { Reporting, ReportPreview, SendOutcome } from "../tls-reports/reporting.ts";
import type { Progress, ReportKey } from "../tlsrpt/books.ts";
import { DAY_MS, type Day, dayOf, endOf, parseDay } from "../tlsrpt/day.ts";
import { EXIT } from "./exit-codes.ts";
import { withStore } from "./with-store.ts";

type Asked = { config: string | undefined; day: string | undefined; domain: string };

export function previewReport(asked: Asked): Promise<number> {
  const key = keyOf(asked);
  if ("wrong" in key) return usage("preview", key.wrong);
  return withReporting(asked, async (reporting) => {
    const preview = await reporting.preview(key);
    process.stderr.write(previewWords(key, preview));
    if (preview.report === undefined) return EXIT.failed;
    process.stdout.write(`${JSON.stringify(preview.report, undefined, 2)}\n`);
    return EXIT.ok;
  });
}

export function sendReport(asked: Asked): Promise<number> {
  const key = keyOf(asked);
  if ("wrong" in key) return usage("send", key.wrong);
  if (endOf(key.day) > Date.now()) return usage("send", `${key.day} is not over (days are in UTC)`);
  return withReporting(asked, async (reporting) => {
    const outcome = await reporting.send(key);
    process.stdout.write(outcomeWords(outcome));
    return outcome.kind === "sent" ? EXIT.ok : EXIT.failed;
  });
}

function keyOf({ day: text, domain: name }: Asked): ReportKey | { wrong: string } {
  const domain = toDomain(name);
  if (domain === undefined) return { wrong: `${name} is not a domain` };
  const day: Day | undefined = text === undefined ? dayOf(Date.now() - DAY_MS) : parseDay(text);
  return day === undefined ? { wrong: `${text} is not a day: expected one like 2026-11-22` } : { day, domain };
}

function usage(command: string, wrong: string): Promise<number> {
  process.stderr.write(`sts-relay tls-report ${command}: ${wrong}\n`);
  return Promise.resolve(EXIT.usage);
}

function withReporting(asked: Asked, use: (reporting: Reporting) => Promise<number>): Promise<number> {
  return withStore(asked.config === undefined ? {} : { config: asked.config }, async (connection, config) => {
    const keepsHistory = config.history.maxMessages > 0;
    const queue = createMailQueue({ connection, stopIntakeAt: config.redis.stopIntakeAt, keepsHistory });
    try {
      const network = await createNetwork(config);
      // What happens is said on standard output; the log is the relay's.
      const events = createEvents(createLog({ level: "silent", format: "json" }));
      const reporting = await openTlsReporting({ config, connection, queue, network, events });
      if (reporting === undefined) {
        throw new StartError("no reports are sent: set tlsReports in the configuration", EXIT_CONFIG);
      }
      return await use(reporting);
    } finally {
      await queue.close();
    }
  });
}

function previewWords({ day, domain }: ReportKey, { record, report, state }: ReportPreview): string {
  const lines = [
    report === undefined ? `no session with ${domain} was counted on ${day}` : `report on ${domain} for ${day}`,
  ];
  switch (record.kind) {
    case "record":
      for (const { uri } of record.destinations) lines.push(`to ${uri}: ${progressWords(state.destinations.get(uri))}`);
      break;
    case "absent":
      lines.push("to nobody: the domain has no TLSRPT record");
      break;
    case "unusable":
    case "unknown":
      lines.push(`to nobody: ${record.detail}`);
      break;
  }
  return `${lines.join("\n")}\n`;
}

function progressWords(progress: Progress | undefined): string {
  if (progress === undefined) return "not sent yet";
  const at = new Date(progress.at).toISOString();
  switch (progress.state) {
    case "queued":
      return `in the mail queue since ${at}, as ${progress.message}`;
    case "accepted":
      return `accepted at ${at}`;
    case "given-up":
      return `given up at ${at} (${progress.detail})`;
  }
}

function outcomeWords(outcome: SendOutcome): string {
  switch (outcome.kind) {
    case "not-ours":
      return "nothing sent: it was sent already, or another process is at it (`tls-report preview` tells)\n";
    case "nothing":
      return `nothing sent: ${outcome.detail}\n`;
    case "put-off":
      return `not all sent, tried again at ${new Date(outcome.again).toISOString()}: ${outcome.detail}\n`;
    case "sent":
      return [...outcome.destinations].map(([uri, progress]) => `${uri}: ${progressWords(progress)}\n`).join("");
  }
}
