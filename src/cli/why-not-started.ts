import { EXIT_UNAVAILABLE, StartError } from "../relay/start-error.ts";
import { StoreError } from "../store/store-error.ts";

/** A Redis that goes away while the relay starts is a fault of the surroundings: a service manager tries again. */
export function whyNotStarted(error: unknown): never {
  if (!(error instanceof StoreError)) throw error;
  throw new StartError(error.message, EXIT_UNAVAILABLE, { cause: error });
}
