/**
 * What the command's exit code says, for scripts and service managers.
 */
import { EXIT_CONFIG, EXIT_UNAVAILABLE } from "../relay/start-error.ts";

export const EXIT = {
  ok: 0,
  /** What was to be shown is not so. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The check of a domain found a warning, or an error. */
  checkWarning: 3,
  checkError: 4,
  unavailable: EXIT_UNAVAILABLE,
  /** A fault of the program. */
  software: 70,
  config: EXIT_CONFIG,
  /** By Ctrl-C, before it was done: 128 and the signal's number. */
  interrupted: 130,
} as const;

export const EXIT_CODES_HELP = `Exit codes:
  0    all went well
  1    what was to be shown is not so (lab --exit), or nothing was found (message, queue, policy),
       or an incident is open (incidents)
  2    the command line is wrong
  3    a warning is the worst that was found (check, publish check)
  4    an error was found (check, publish check)
  69   something needed is not there: Redis, a port, a program, Node.js 24
  70   a fault of the program
  78   the configuration is wrong
  130  interrupted before the end`;
