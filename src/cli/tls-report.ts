/** `sts-relay tls-report`: the TLS reports that the relay sends. RFC 8460. */
import { CONFIG_OPTION, defineCommand } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

const DAY_OPTION = {
  type: "string",
  value: "DAY",
  says: "the day, in UTC, like 2026-11-22 (default: yesterday)",
} as const;

const previewCommand = defineCommand({
  name: "tls-report preview",
  summary: "print the report on a domain as it would be sent",
  details:
    "The report goes to standard output, as JSON; where it would go to, and how far it has come, to\n" +
    "standard error. Of today there is what was counted so far.",
  options: { config: CONFIG_OPTION, day: DAY_OPTION },
  operands: { name: "DOMAIN" },
  async run({ config, day }, [domain = ""]) {
    const { previewReport } = await import("./send-tls-report.ts");
    return previewReport({ config, day, domain });
  },
});

const sendCommand = defineCommand({
  name: "tls-report send",
  summary: "send the report on a domain now",
  details:
    "In the place of the one that would be sent within four hours after midnight: a day has one\n" +
    "report. The day must be over. The mail goes into the queue; a relay delivers it.",
  options: { config: CONFIG_OPTION, day: DAY_OPTION },
  operands: { name: "DOMAIN" },
  async run({ config, day }, [domain = ""]) {
    const { sendReport } = await import("./send-tls-report.ts");
    return sendReport({ config, day, domain });
  },
});

export const tlsReportCommand = defineCommand({
  name: "tls-report",
  summary: "look at the TLS reports to other domains, and send them",
  details: "Reports are counted and sent where the settings under `tlsReports` are set.",
  options: {},
  subcommands: [previewCommand, sendCommand],
  async run() {
    process.stderr.write(
      "sts-relay tls-report: which? `preview` or `send`\n`sts-relay tls-report --help` shows them.\n",
    );
    return EXIT.usage;
  },
});
