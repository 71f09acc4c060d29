/**
 * A log that several processes write to the same place: no line may come in the
 * middle of another.
 */
import { type LogOptions, standardOutput } from "./log.ts";

/** POSIX: so much goes into a pipe in one piece or not at all (PIPE_BUF on Linux). */
const ONE_PIECE_BYTES = 4096;

/**
 * Where JSON lines go: standard output, in pieces of whole lines that no other
 * process's come into. A single line that is longer may be torn. On a terminal
 * lines are written one by one as it is.
 */
export function wholeLines({ format }: Pick<LogOptions, "format">): Pick<LogOptions, "destination"> {
  if (format === "pretty" || (format === "auto" && process.stdout.isTTY)) return {};
  // It has all of a stream that pino writes to.
  return { destination: standardOutput(ONE_PIECE_BYTES) as unknown as NodeJS.WritableStream };
}
