/** What happens to the TLS reports that the relay sends. RFC 8460. */
import type { Logger } from "pino";

type TlsReportEvent = { day: string; domain: string } & (
  | { result: "queued"; to: string; message: string }
  | { result: "accepted"; to: string }
  | { result: "unwanted" | "put-off" | "given-up"; detail: string }
);

export function tlsReportEvents(log: Logger) {
  return {
    tlsReport: (what: TlsReportEvent) => {
      const line = { event: "tls-report", ...what };
      const which = `TLS report on ${what.domain} for ${what.day}`;
      switch (what.result) {
        case "queued":
          return log.info(line, `${which} is in the queue as ${what.message}`);
        case "accepted":
          return log.info(line, `${which} was accepted by ${what.to}`);
        case "unwanted":
          // Most domains publish no record.
          return log.debug(line, `${which}: ${what.detail}`);
        case "put-off":
          return log.warn(line, `${which} is tried again later: ${what.detail}`);
        case "given-up":
          return log.warn(line, `${which} is given up: ${what.detail}`);
      }
    },
  };
}
