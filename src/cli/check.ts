/** `sts-relay check`: looks at domains before mail does. */
import { CONFIG_OPTION, defineCommand } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

export const checkCommand = defineCommand({
  name: "check",
  summary: "look at a domain's policy and mail hosts, before mail does",
  details:
    "Goes the way a message would, and one step further at each point: record, policy, mail hosts,\n" +
    "each of their addresses, STARTTLS, certificate. Says what is wrong and what would become of a\n" +
    "message now, with the rules of the configuration and what a running relay has cached. Sends no\n" +
    "mail: EHLO, STARTTLS, EHLO and QUIT are all that hosts hear of it.\n\n" +
    "Ends with 0 when nothing is wrong, with 3 for warnings, and with 4 for errors.",
  operands: { name: "DOMAIN", least: 0, most: 1000 },
  options: {
    config: CONFIG_OPTION,
    file: { type: "string", value: "FILE", says: "read a policy file line by line instead (- for standard input)" },
    json: { type: "boolean", says: "print one JSON object on standard output" },
  },
  async run({ config, file, json = false }, domains) {
    if ((file === undefined) === (domains.length === 0)) {
      process.stderr.write("sts-relay check: give either domains or --file\n");
      return EXIT.usage;
    }
    if (file !== undefined) {
      const { checkFile } = await import("./check-file.ts");
      return checkFile(file, json);
    }
    const { checkDomains } = await import("./check-domains.ts");
    return checkDomains(config, domains, json);
  },
});
