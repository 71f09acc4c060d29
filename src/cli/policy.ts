/** `sts-relay policy`: the cached MTA-STS policies. */
import { readDomain } from "../operate/rules.ts";
import { toDomain } from "../dns/name.ts";
import { CONFIG_OPTION, defineCommand } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { operator } from "./operator.ts";
import { JSON_OPTION } from "./queue-options.ts";
import { readLimit } from "./read-limit.ts";

const COMMON = { config: CONFIG_OPTION, json: JSON_OPTION };
const DOMAIN = { name: "DOMAIN" };

const listCommand = defineCommand({
  name: "policy list",
  summary: "list what is cached, by domain",
  details: "Domains whose policy was once fetched and is kept fresh. Exit code 1: there are none.",
  options: COMMON,
  async run({ json = false, ...where }) {
    const { listPolicies } = await import("./show-policy.ts");
    return listPolicies(where, json);
  },
});

const showCommand = defineCommand({
  name: "policy show",
  summary: "show all that is known of a domain's policy",
  details:
    "Its text, record id, times, the last failure, and the policies before it. Exit code 1: nothing is\n" +
    "known. `sts-relay check DOMAIN` looks at what the domain publishes now.",
  options: COMMON,
  operands: DOMAIN,
  async run({ json = false, ...where }, [text = ""]) {
    const domain = toDomain(text);
    if (domain === undefined) return noDomain("show", text);
    const { showPolicy } = await import("./show-policy.ts");
    return showPolicy(where, domain, json);
  },
});

const refreshCommand = defineCommand({
  name: "policy refresh",
  summary: "fetch a domain's policy now",
  details: "All workers go by what was fetched. When it fails, what is cached stays. Exit code 1: none was had.",
  options: COMMON,
  operands: DOMAIN,
  async run({ json = false, ...where }, [text = ""]) {
    const domain = toDomain(text);
    if (domain === undefined) return noDomain("refresh", text);
    const { refreshPolicy } = await import("./show-policy.ts");
    return refreshPolicy(where, domain, json);
  },
});

const forgetCommand = defineCommand({
  name: "policy forget",
  summary: "take a cached policy out of force",
  details:
    "For a policy that is known to be wrong and cannot be fetched anew: the next mail looks the domain's\n" +
    "policy up as if none had been known, and goes on without one where none can be had. Exit code 1:\n" +
    "there is none.",
  options: {
    ...COMMON,
    author: { type: "string", value: "WHO", says: "who wants it (default: user and host)" },
    yes: { type: "boolean", says: "go ahead: it may take the domain's protection away" },
  },
  operands: DOMAIN,
  async run({ json = false, author = operator(), yes = false, ...where }, [text = ""]) {
    const domain = toDomain(text);
    if (domain === undefined) return noDomain("forget", text);
    if (!yes) {
      process.stderr.write("sts-relay policy forget: this may take the domain's protection away: say --yes\n");
      return EXIT.usage;
    }
    const { forgetPolicy } = await import("./show-policy.ts");
    return forgetPolicy(where, domain, author, json);
  },
});

const shadowCommand = defineCommand({
  name: "policy shadow",
  summary: "show what enforce would have refused, where it does not hold",
  details:
    "For domains whose policy is in mode testing, or for all whose hosts offer TLS: see mtaSts.shadow.\n" +
    "Exit code 1: nothing was counted.",
  options: {
    days: { type: "string", value: "N", says: "days to sum up, today among them (default: 7, at most 30)" },
    ...COMMON,
  },
  operands: { ...DOMAIN, least: 0 },
  async run({ days, json = false, ...where }, [text]) {
    const count = readLimit(days, 7);
    if (typeof count !== "number" || count < 1 || count > 30) {
      process.stderr.write(`sts-relay policy shadow: --days ${days} is not a number from 1 to 30\n`);
      return EXIT.usage;
    }
    const domain = text === undefined ? undefined : readDomain(text);
    if (text !== undefined && domain === undefined) return noDomain("shadow", text);
    const { showShadow } = await import("./show-shadow.ts");
    return showShadow(where, { days: count, json, ...(domain === undefined ? {} : { domain }) });
  },
});

export const policyCommand = defineCommand({
  name: "policy",
  summary: "show, refresh and forget cached policies; see what enforce would do",
  details: "Without a command below: lists them.",
  options: COMMON,
  subcommands: [listCommand, showCommand, refreshCommand, forgetCommand, shadowCommand],
  run: (values) => listCommand.run(values, []),
});

function noDomain(command: string, text: string): number {
  process.stderr.write(`sts-relay policy ${command}: ${text} is not a domain\n`);
  return EXIT.usage;
}
