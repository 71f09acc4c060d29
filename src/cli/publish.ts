/** `sts-relay publish`: the MTA-STS policies of our own domains. */
import { CONFIG_OPTION, defineCommand } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

const JSON_OPTION = { type: "boolean", says: "print one JSON object on standard output" } as const;
const DOMAIN_OPERAND = { name: "DOMAIN", least: 0, most: 1 };

const recordsCommand = defineCommand({
  name: "publish records",
  summary: "print the DNS records to set",
  details:
    "For DOMAIN, or for each of publish.domains: the records that announce the policy, lead to the\n" +
    "policy host, and ask for TLS reports, as lines of a zone file. The id is made from the policy, so\n" +
    "it changes with it: serve the policy first, then set the record.",
  options: { config: CONFIG_OPTION, json: JSON_OPTION },
  operands: DOMAIN_OPERAND,
  async run({ config, json = false }, [domain]) {
    const { showRecords } = await import("./publish-records.ts");
    return showRecords({ config, json, domain });
  },
});

const checkCommand = defineCommand({
  name: "publish check",
  summary: "compare what is live with what should be",
  details:
    "For DOMAIN, or for each of publish.domains: asks for the record, fetches the policy, and opens a\n" +
    "session with every mail host of the MX records, up to EHLO, to see what its TLS proves. Before a\n" +
    "change to `enforce`: sts-relay publish check --mx --strict",
  options: {
    config: CONFIG_OPTION,
    json: JSON_OPTION,
    mx: { type: "boolean", says: "look at the mail hosts alone" },
    strict: { type: "boolean", says: "under enforce, a mail host that fails is an error and no warning" },
  },
  operands: DOMAIN_OPERAND,
  async run({ config, json = false, mx = false, strict = false }, [domain]) {
    const { checkPublished } = await import("./publish-check.ts");
    return checkPublished({ config, json, domain, mx, strict });
  },
});

export const publishCommand = defineCommand({
  name: "publish",
  summary: "publish MTA-STS policies of our own domains",
  details:
    "The settings are those under `publish`; `sts-relay start` serves the policies where\n" +
    "publish.listeners says so.",
  options: {},
  subcommands: [recordsCommand, checkCommand],
  async run() {
    process.stderr.write("sts-relay publish: which? `records` or `check`\n`sts-relay publish --help` shows them.\n");
    return EXIT.usage;
  },
});
