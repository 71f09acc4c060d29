/**
 * Why the relay did not start, for the one who started it. The codes are those
 * of sysexits.h, so that a service manager can tell a fault of the surroundings,
 * which may pass, from a wrong configuration, which will not.
 */

/** Something the relay needs cannot be had: Redis, a port, a program. */
export const EXIT_UNAVAILABLE = 69;
/** The configuration is wrong. */
export const EXIT_CONFIG = 78;

export class StartError extends Error {
  readonly exitCode: number;

  /** `message` says what is wrong and what to do; it is shown as it is, without a stack. */
  constructor(message: string, exitCode: typeof EXIT_UNAVAILABLE | typeof EXIT_CONFIG, options?: ErrorOptions) {
    super(message, options);
    this.name = "StartError";
    this.exitCode = exitCode;
  }
}
