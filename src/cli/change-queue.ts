/** Changes deliveries in the queue, and says how many. */
import type { OperatorVerb } from "../mail/history.ts";
import { type ChangeReport, createQueueService } from "../operate/queue.ts";
import type { Selection } from "../operate/selection.ts";
import type { ChangeResult } from "../store/queue-change.ts";
import { EXIT } from "./exit-codes.ts";
import { operator } from "./operator.ts";
import { withProgress } from "./terminal.ts";
import { withStore } from "./with-store.ts";

export type QueueChange = {
  verb: OperatorVerb;
  selection: Selection;
  reason?: string;
  dryRun: boolean;
  json: boolean;
};

/** Answers with the exit code. */
export function changeQueue(where: { config?: string }, what: QueueChange): Promise<number> {
  const { verb, selection, reason, dryRun, json } = what;
  return withStore(where, async (connection) => {
    const service = createQueueService({ connection, now: Date.now });
    const change = { verb, by: operator(), ...(reason === undefined ? {} : { reason }) };
    const report = await withProgress(process.stderr, (onProgress) =>
      service.change(change, selection, { dryRun, onProgress }),
    );
    process.stdout.write(json ? `${JSON.stringify({ verb, ...report }, undefined, 2)}\n` : words(verb, report));
    return report.matched === 0 ? EXIT.failed : EXIT.ok;
  });
}

const DONE: Record<OperatorVerb, string> = {
  retry: "due now",
  hold: "held",
  release: "released, and due now",
  bounce: "given up",
  drop: "taken out of the queue",
};

function words(verb: OperatorVerb, { matched, results, dryRun }: ChangeReport): string {
  if (matched === 0) return "No such deliveries in the queue.\n";
  const count = (number: number) => number.toLocaleString("en");
  if (dryRun)
    return `${count(matched)} ${matched === 1 ? "delivery" : "deliveries"} would be ${verb === "drop" ? "dropped" : "bounced"}; nothing was changed.\n`;
  const ordered =
    verb === "bounce"
      ? "given up: the relay reports to the senders"
      : "under way: the worker does it when this attempt has ended";
  const lines: [ChangeResult, string][] = [
    ["done", DONE[verb]],
    ["ordered", ordered],
    ["already", "left as they were: there was nothing to do"],
    ["gone", "had left the queue meanwhile"],
  ];
  return lines
    .filter(([result]) => results[result] > 0)
    .map(([result, what]) => `${count(results[result])} ${what}\n`)
    .join("");
}
