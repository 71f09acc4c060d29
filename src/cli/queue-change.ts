/** `sts-relay queue retry`, `hold`, `release`, `bounce` and `drop`. */
import type { OperatorVerb } from "../mail/history.ts";
import { type Command, defineCommand, type Option, type Values } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { ID_OPERANDS, readSelection, SELECTION_OPTIONS } from "./queue-options.ts";

const OPTIONS = {
  ...SELECTION_OPTIONS,
  all: { type: "boolean", says: "the whole queue, where no other option names less" },
  reason: { type: "string", value: "TEXT", says: "why; it is written into the history" },
} as const satisfies Record<string, Option>;

const REMOVING_OPTIONS = {
  ...OPTIONS,
  "dry-run": { type: "boolean", says: "only say how many it would concern" },
  yes: { type: "boolean", says: "go ahead: it cannot be undone" },
} as const satisfies Record<string, Option>;

const WHICH = "Those of the messages named, or those that the options name. Exit code 1: there are none.";

export const QUEUE_CHANGE_COMMANDS: Command[] = [
  command("retry", "try deliveries now that were put off", WHICH),
  command(
    "hold",
    "keep deliveries back until they are released",
    `${WHICH}\nHeld mail stays over restarts, and is not given up while it is held; one that is under way is\n` +
      "held if this attempt does not end it.",
  ),
  command("release", "let held deliveries go on, at once", WHICH),
  command(
    "bounce",
    "give deliveries up, and report that to their senders",
    `${WHICH}\nThe relay's workers do it, with --reason in the report. One that is under way may still arrive.`,
    true,
  ),
  command(
    "drop",
    "take deliveries out of the queue without a word to anybody",
    `${WHICH}\nWants --yes, or --dry-run to see what it would take. One that is under way may still arrive.`,
    true,
  ),
];

function command(verb: OperatorVerb, summary: string, details: string, removes = false): Command {
  const about = { name: `queue ${verb}`, summary, details, operands: ID_OPERANDS };
  return defineCommand({
    ...about,
    options: removes ? REMOVING_OPTIONS : { ...OPTIONS },
    run: (values, ids) => change(verb, values, ids),
  });
}

async function change(verb: OperatorVerb, values: Values<typeof REMOVING_OPTIONS>, ids: string[]): Promise<number> {
  const read = readSelection(values, ids);
  const wrong = "wrong" in read ? read.wrong : problemWith(verb, values, ids);
  if ("wrong" in read || wrong !== undefined) {
    process.stderr.write(`sts-relay queue ${verb}: ${wrong}\n`);
    return EXIT.usage;
  }
  const { changeQueue } = await import("./change-queue.ts");
  return changeQueue(values, {
    verb,
    selection: read.selection,
    dryRun: values["dry-run"] ?? false,
    json: values.json ?? false,
    ...(values.reason === undefined ? {} : { reason: values.reason }),
  });
}

function problemWith(verb: OperatorVerb, values: Values<typeof REMOVING_OPTIONS>, ids: string[]): string | undefined {
  const named = ids.length > 0 || values.from !== undefined || values.to !== undefined || values.state !== undefined;
  if (named && values.all) return "--all goes with no ID, --from, --to or --state";
  if (!named && !values.all) return "which deliveries? Name an ID, --from, --to or --state, or say --all";
  const isDrastic = verb === "drop" || (verb === "bounce" && values.all);
  if (isDrastic && !values.yes && !values["dry-run"]) {
    return "this cannot be undone: say --yes, or --dry-run to see how many it would concern";
  }
  return undefined;
}
