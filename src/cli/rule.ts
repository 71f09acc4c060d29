/** `sts-relay rule`: exceptions for single domains, while the relay runs. */
import { DURATION_FORM, parseDuration } from "../config/units.ts";
import { readDomain, readWish } from "../operate/rules.ts";
import { CONFIG_OPTION, defineCommand, type Option, type Values } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { operator } from "./operator.ts";
import { JSON_OPTION } from "./queue-options.ts";

const AUTHOR_OPTION = { type: "string", value: "WHO", says: "who wants it (default: user and host)" } as const;

const SET_OPTIONS = {
  "mta-sts": { type: "string", value: "RULE", says: "optional, require, testing (report only) or disable" },
  "pin-mx": {
    type: "string",
    value: "HOST,...",
    says: "only these MX hosts, with verified TLS, whatever a policy says",
  },
  until: { type: "string", value: "WHEN", says: "48h, 2026-12-01, 2026-12-01T08:00Z or never" },
  reason: { type: "string", value: "TEXT", says: "why; it is written into the log and the history" },
  author: AUTHOR_OPTION,
  config: CONFIG_OPTION,
  json: JSON_OPTION,
} as const satisfies Record<string, Option>;

const setCommand = defineCommand({
  name: "rule set",
  summary: "set an exception for a domain",
  details:
    "It takes the place of the configured rule for this domain (not for those below it), in all\n" +
    "workers, within a second. Mail that waits for the domain is tried again at once. It ends by itself.",
  options: SET_OPTIONS,
  operands: { name: "DOMAIN" },
  async run(values, [domain = ""]) {
    const read = readSet(values, domain, Date.now());
    if ("wrong" in read) return usage("rule set", read.wrong);
    const { setRule } = await import("./change-rules.ts");
    return setRule(values, read.wish, values.json ?? false);
  },
});

const removeCommand = defineCommand({
  name: "rule remove",
  summary: "take an exception back before its end",
  details: "The configured rule holds again. Exit code 1: there is none for this domain.",
  options: { author: AUTHOR_OPTION, config: CONFIG_OPTION, json: JSON_OPTION },
  operands: { name: "DOMAIN" },
  async run({ author = operator(), json = false, ...where }, [text = ""]) {
    const domain = readDomain(text);
    if (domain === undefined) return usage("rule remove", `${text} is not a domain`);
    const { removeRule } = await import("./change-rules.ts");
    return removeRule(where, domain, author, json);
  },
});

const listCommand = defineCommand({
  name: "rule list",
  summary: "show the exceptions, and the configured rules below them",
  details: "With --trail: what was set, removed and has ended, the latest first.",
  options: {
    trail: { type: "boolean", says: "what operators did, instead" },
    config: CONFIG_OPTION,
    json: JSON_OPTION,
  },
  async run({ trail = false, json = false, ...where }) {
    const { listRules, showTrail } = await import("./change-rules.ts");
    return trail ? showTrail(where, json) : listRules(where, json);
  },
});

export const ruleCommand = defineCommand({
  name: "rule",
  summary: "exceptions for single domains: set, list, remove",
  details: "Without a command below: lists them.",
  options: { config: CONFIG_OPTION, json: JSON_OPTION },
  subcommands: [setCommand, listCommand, removeCommand],
  run: (values) => listCommand.run(values, []),
});

function readSet(values: Values<typeof SET_OPTIONS>, domain: string, now: number) {
  const { "mta-sts": mtaSts, "pin-mx": pinMx, until, reason, author = operator() } = values;
  if ((mtaSts === undefined) === (pinMx === undefined)) return { wrong: "what holds? Give --mta-sts or --pin-mx" };
  if (until === undefined) return { wrong: "until when? Give --until, like 48h or 2026-12-01; or --until never" };
  if (reason === undefined) return { wrong: "why? Give --reason" };
  const end = readEnd(until, now);
  if (end === undefined) return { wrong: `--until ${until} is neither ${DURATION_FORM} nor a date like 2026-12-01` };
  const wish = {
    domain,
    by: author,
    reason,
    ...(mtaSts === undefined ? {} : { mtaSts }),
    ...(pinMx === undefined ? {} : { pinMx: pinMx.split(",").map((host) => host.trim()) }),
    ...(end === "never" ? {} : { until: end }),
  };
  const read = readWish(wish, now);
  return "wrong" in read ? read : { wish };
}

const DATE = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** A day ends where it begins: UTC, midnight before it. `undefined`: none of the forms. */
function readEnd(text: string, now: number): number | "never" | undefined {
  if (text === "never") return text;
  const ms = parseDuration(text);
  if (ms !== undefined) return now + ms;
  const at = DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

function usage(command: string, wrong: string): number {
  process.stderr.write(`sts-relay ${command}: ${wrong}\n`);
  return EXIT.usage;
}
