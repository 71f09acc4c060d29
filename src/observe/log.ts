/**
 * Where log lines go and what they look like: JSON, one object a line, or
 * coloured text for a person at a terminal.
 */
import { format } from "node:util";
import { pino, stdTimeFunctions, type DestinationStream, type Logger } from "pino";
import { default as pretty } from "pino-pretty";

export type { Logger };

export type LogOptions = {
  level: string;
  /** `auto` is `pretty` on a terminal and `json` elsewhere. */
  format: "auto" | "json" | "pretty";
  /** Default: standard output. */
  destination?: NodeJS.WritableStream & { isTTY?: boolean };
};

/**
 * Nothing logs a secret on purpose; these names are covered all the same. On the
 * first level only: to look further down would cost more than writing the line.
 */
const SECRET_NAMES = ["password", "passwordHash", "secret", "token", "authorization"];

export function createLog(options: LogOptions): Logger {
  const destination = options.destination ?? process.stdout;
  const isPretty = options.format === "pretty" || (options.format === "auto" && destination.isTTY === true);
  return pino(
    {
      level: options.level,
      // Not the process id and the host's name: whoever collects the lines knows where they come from.
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (word) => ({ level: word }) },
      redact: { paths: SECRET_NAMES, censor: "[secret]" },
    },
    isPretty ? prettyStream(destination) : (options.destination ?? standardOutput()),
  );
}

/**
 * Standard output, written beside the work: several lines together, each at most
 * a moment late. A write for each line would cost more than the line. What is
 * left goes out at the end of the process; only SIGKILL loses the lines of the
 * last moment.
 *
 * @param most of one write, in bytes; a longer line is a write of its own
 */
export function standardOutput(most = 16 * 1024): ReturnType<typeof pino.destination> {
  return pino.destination({ dest: 1, sync: false, minLength: most / 2, maxWrite: most, periodicFlush: FLUSH_EVERY_MS });
}

const FLUSH_EVERY_MS = 50;

/** Turns lines of JSON into coloured text. */
export function prettyStream(destination: NodeJS.WritableStream & { isTTY?: boolean }): DestinationStream {
  return pretty({
    destination,
    colorize: destination.isTTY === true,
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
    ignore: "event",
  });
}

type SmtpLogMethod = (data: unknown, message?: unknown, ...rest: unknown[]) => void;

/**
 * The log as nodemailer and smtp-server want one. They call it printf-style,
 * with arguments that pino would drop, and what is news to them is detail here:
 * all of it goes to `debug`.
 */
export function smtpLogger(
  log: Logger,
): Record<"trace" | "debug" | "info" | "warn" | "error" | "fatal", SmtpLogMethod> {
  const write: SmtpLogMethod = (data, message, ...rest) => {
    if (typeof data === "object" && data !== null) log.debug(data, format(message ?? "", ...rest));
    else log.debug(format(data, ...(message === undefined ? [] : [message]), ...rest));
  };
  return { trace: write, debug: write, info: write, warn: write, error: write, fatal: write };
}
