/** `sts-relay messages`: messages that something happened to lately. */
import { DURATION_FORM, parseDuration } from "../config/units.ts";
import { CONFIG_OPTION, defineCommand, type Option, type Values } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { JSON_OPTION } from "./queue-options.ts";
import { readLimit } from "./read-limit.ts";

export const MESSAGE_STATES = ["waiting", "deferred", "held", "delivered", "failed", "dropped"] as const;

const OPTIONS = {
  config: CONFIG_OPTION,
  to: { type: "string", value: "RECIPIENT", says: "only to this address or domain" },
  from: { type: "string", value: "SENDER", says: 'only from this address or domain; "<>" for reports' },
  state: { type: "string", value: "STATE", says: `only these: ${MESSAGE_STATES.join(", ")}` },
  since: { type: "string", value: "TIME", says: "only if something happened to them within this time: 2h, 3d" },
  limit: { type: "string", value: "N", says: "messages to show (default: 50)" },
  json: JSON_OPTION,
} as const satisfies Record<string, Option>;

export const messagesCommand = defineCommand({
  name: "messages",
  summary: "list messages of the last days, and what became of them",
  details: "The latest first. `sts-relay message ID` tells all about one. Exit code 1: there are none.",
  options: OPTIONS,
  async run(values) {
    const read = readFilter(values, Date.now());
    if ("wrong" in read) {
      process.stderr.write(`sts-relay messages: ${read.wrong}\n`);
      return EXIT.usage;
    }
    const { listMessages } = await import("./show-message.ts");
    return listMessages(values, read.filter, values.json ?? false);
  },
});

function readFilter({ to, from, state, since, limit }: Values<typeof OPTIONS>, now: number) {
  const most = readLimit(limit, 50);
  if (typeof most !== "number") return most;
  const known = MESSAGE_STATES.find((each) => each === state);
  if (state !== undefined && known === undefined) {
    return { wrong: `--state ${state} is none; known: ${MESSAGE_STATES.join(", ")}` };
  }
  const within = since === undefined ? now : parseDuration(since);
  if (within === undefined) return { wrong: `--since ${since} is not ${DURATION_FORM}` };
  return {
    filter: {
      most,
      since: now - within,
      ...(to === undefined ? {} : { to }),
      ...(from === undefined ? {} : { from: from === "<>" ? "" : from }),
      ...(known === undefined ? {} : { state: known }),
    },
  };
}
