/** What senders are told besides failures, and what became of their text. */
import type { Logger } from "pino";

export function reportEvents(log: Logger) {
  return {
    reported: (what: {
      message: string;
      report: string;
      to: string;
      recipients: string[];
      action: "delayed" | "relayed";
    }) => log.info({ event: "reported", ...what }, `report ${what.report} (${what.action}) for ${what.message}`),
    messageChanged: (what: { message: string; domain: string; host: string; what: string }) =>
      log.info({ event: "message-changed", ...what }, `${what.message} was changed for ${what.host}: ${what.what}`),
  };
}
