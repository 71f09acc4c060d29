/** Shows the queue: summed up, as a list, or one message of it. */
import { readHead } from "../mail/head.ts";
import type { Destination } from "../operate/destinations.ts";
import { createQueueService, type QueueOverview } from "../operate/queue.ts";
import { fromNow, roughly } from "../operate/rough-time.ts";
import type { Selection } from "../operate/selection.ts";
import { type QueuedJob, readJobsOf, readText } from "../store/queue-read.ts";
import { EXIT } from "./exit-codes.ts";
import { type Column, printable, renderColumns, widthOf, withProgress } from "./terminal.ts";
import { withStore } from "./with-store.ts";

type Where = { config?: string };

/** Answers with the exit code. */
export function showOverview(where: Where, most: number, json: boolean): Promise<number> {
  return withStore(where, async (connection) => {
    const service = createQueueService({ connection, now: Date.now });
    const overview = await withProgress(process.stderr, (onProgress) => service.overview(most, { onProgress }));
    print(json ? asJson(overview) : overviewText(overview, Date.now()));
    return EXIT.ok;
  });
}

function overviewText(overview: QueueOverview, now: number): string {
  const { total, states, destinations, destinationCount } = overview;
  if (total === 0) return "The queue is empty.\n";
  const parts = Object.entries(states).filter(([, count]) => count > 0);
  const words = parts.map(([state, count]) => `${count.toLocaleString("en")} ${state}`).join(", ");
  const hidden = destinationCount - destinations.length;
  const table = renderColumns(destinations, destinationColumns(now), widthOf(process.stdout));
  const more = hidden === 0 ? "" : `and ${hidden.toLocaleString("en")} more destinations (--limit)\n`;
  return `${total.toLocaleString("en")} ${total === 1 ? "delivery" : "deliveries"}: ${words}\n\n${table}${more}`;
}

const destinationColumns = (now: number): Column<Destination>[] => [
  { title: "destination", cell: ({ domain }) => domain, flexible: true },
  { title: "queued", cell: ({ queued }) => String(queued), right: true },
  { title: "held", cell: ({ states }) => (states.held === 0 ? "" : String(states.held)), right: true },
  { title: "oldest", cell: ({ oldestAt }) => (oldestAt === undefined ? "" : ageOf(oldestAt, now)), right: true },
  {
    title: "next try",
    cell: ({ nextAt }) => (nextAt === undefined ? "" : fromNow(Date.parse(nextAt), now)),
    right: true,
  },
  { title: "last reason", cell: ({ lastReason = "" }) => lastReason, flexible: true },
];

/** Answers with the exit code. */
export function listQueue(where: Where, selection: Selection, most: number, json: boolean): Promise<number> {
  return withStore(where, async (connection) => {
    const service = createQueueService({ connection, now: Date.now });
    const { matched, jobs } = await withProgress(process.stderr, (onProgress) =>
      service.list(selection, most, { onProgress }),
    );
    if (json) print(asJson({ matched, jobs: jobs.map(jobJson) }));
    else if (matched === 0) print("No such deliveries in the queue.\n");
    else {
      const more = matched - jobs.length;
      print(renderColumns(jobs, jobColumns(Date.now()), widthOf(process.stdout)));
      if (more > 0) print(`and ${more.toLocaleString("en")} more (--limit)\n`);
    }
    return matched === 0 ? EXIT.failed : EXIT.ok;
  });
}

const jobColumns = (now: number): Column<QueuedJob>[] => [
  { title: "message", cell: ({ message }) => message },
  { title: "state", cell: ({ state, order }) => (order === undefined ? state : `${state}, ${order.verb} ordered`) },
  { title: "from", cell: ({ data }) => (data.from === "" ? "<>" : data.from), flexible: true },
  { title: "to", cell: ({ data }) => recipientWords(data.recipients), flexible: true },
  { title: "age", cell: ({ data }) => ageOf(data.acceptedAt, now), right: true },
  { title: "tries", cell: ({ data }) => String(data.attempt), right: true },
  {
    title: "next try",
    cell: ({ state, at }) => (state === "deferred" && at !== undefined ? fromNow(at, now) : ""),
    right: true,
  },
  { title: "last reason", cell: ({ data }) => data.waitingBecause ?? "", flexible: true },
];

function recipientWords(recipients: QueuedJob["data"]["recipients"]): string {
  const waiting = recipients.filter(({ state }) => state === "waiting").map(({ address }) => address);
  const [first = ""] = waiting;
  return waiting.length <= 1 ? first : `${first} and ${waiting.length - 1} more`;
}

/** Answers with the exit code. */
export function showQueued(where: Where, id: string, json: boolean): Promise<number> {
  return withStore(where, async (connection) => {
    const jobs = await readJobsOf(connection.redis, id);
    if (jobs.length === 0) {
      process.stderr.write(
        `sts-relay queue show: ${id} is not in the queue; \`sts-relay message ${id}\` may know it\n`,
      );
      return EXIT.failed;
    }
    const text = await readText(connection.redis, id);
    const header = text === undefined ? [] : (readHead(text)?.fields ?? []);
    if (json) print(asJson({ id, jobs: jobs.map(jobJson), header }));
    else print([...jobs.map(jobText), ...header.map(({ name, value }) => `${name}: ${printable(value)}\n`)].join(""));
    return EXIT.ok;
  });
}

function jobText({ domain, state, at, data, order }: QueuedJob): string {
  const lines = [
    `${domain}: ${state}${at === undefined ? "" : `, ${new Date(at).toISOString()}`}`,
    ...(order === undefined ? [] : [`  ${order.by} ordered: ${order.verb}`]),
    `  from <${data.from}>, ${data.sizeBytes} bytes, accepted ${data.acceptedAt}, given up ${data.expiresAt}`,
    ...data.recipients.map(({ address, state: own, detail = "" }) => `  <${address}> ${own} ${detail}`.trimEnd()),
    ...data.attempts.map((note) => `  ${note.at} ${note.host} ${note.address ?? ""}: ${note.result}`),
  ];
  return `${lines.map(printableLine).join("\n")}\n\n`;
}

const printableLine = (line: string) => line.slice(0, line.search(/\S/)) + printable(line.trimStart());

const jobJson = ({ id: _, at, ...job }: QueuedJob) => ({
  ...job,
  ...(at === undefined ? {} : { at: new Date(at).toISOString() }),
});

const ageOf = (at: string, now: number) => roughly(Math.max(0, now - Date.parse(at)));
const asJson = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;
const print = (text: string) => void process.stdout.write(text);
