/** What happens to the processes of a relay that has several. */
import type { Logger } from "pino";

export function processEvents(log: Logger) {
  return {
    processStarted: ({ process, pid }: { process: number; pid: number | undefined }) =>
      log.info({ event: "process-started", number: process, pid }, `process ${process} works`),
    processEnded: ({ process, pid, how }: { process: number; pid: number | undefined; how: string }) =>
      log.error(
        { event: "process-ended", number: process, pid, how },
        `process ${process} has ended (${how}): the others take over its mail, and it is started again`,
      ),
    processFailed: ({ process, pid, err }: { process: number; pid: number | undefined; err: unknown }) =>
      log.error(
        { event: "process-failed", number: process, pid, err },
        `process ${process} cannot start; it is tried again`,
      ),
  };
}
