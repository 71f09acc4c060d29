/**
 * The one kind of fault that the store reports: Redis did not do what was asked.
 * Whoever asked answers "try again later"; nothing was promised to anyone.
 */

export type StoreErrorCode =
  /** Away, hung, refusing, or not known to have done it: it may have been done all the same. */
  | "unavailable"
  /** Redis has no memory left and refuses writes. */
  | "full"
  /** Redis would still take it, but what is left is kept for delivering what is there. */
  | "over-watermark";

export class StoreError extends Error {
  override name = "StoreError";
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Awaits Redis; what it rejects with becomes a `StoreError`. For calls to Redis only: a bug keeps its own error. */
export async function guarded<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (err) {
    throw storeError(what, err);
  }
}

export function storeError(what: string, err: unknown): StoreError {
  if (err instanceof StoreError) return err;
  const detail = err instanceof Error ? err.message : String(err);
  return new StoreError(isOutOfMemory(err) ? "full" : "unavailable", `Redis could not ${what}: ${detail}`, err);
}

/** Within a transaction the refused commands are named beside the error, which itself only says EXECABORT. */
function isOutOfMemory(err: unknown): boolean {
  if (!(err instanceof Error)) return false;
  // Not deeper: when the connection breaks, ioredis names the error itself there.
  const beside: unknown = "previousErrors" in err ? err.previousErrors : undefined;
  const all: unknown[] = Array.isArray(beside) ? [err, ...beside] : [err];
  return all.some((each) => each instanceof Error && each.message.startsWith("OOM "));
}
