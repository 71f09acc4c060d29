/**
 * Where a message comes in while a worker of the same process waits for work,
 * that worker gets it with the reply that says that Redis has it: it is put
 * into the queue and taken from it in one step. Otherwise the worker is woken,
 * asks, and Redis puts on disk that it has asked, before a delivery begins.
 *
 * The worker waits in BullMQ's way for the marker that wakes idle workers. What
 * is handed over leaves that wait as it is, for the next time.
 */

/** A job that was taken with the message that brought it. */
export type Given = {
  /** Of BullMQ's step that takes a job, with what ours adds to it. */
  reply: unknown[];
  /** Of its lock. */
  token: string;
};

/** Leave to take a job for a worker that waits. */
export type Taking = {
  token: string;
  lockMs: number;
  /** Must be called, whatever came of it; with nothing when no job was taken. */
  done(given?: Given): void;
};

/** What BullMQ finds at the marker. `null`: nothing, for as long as it waited. */
export type Marker = { member: string; score: number } | null;

export type Receiver = {
  /** The worker's id. */
  owner: string;
  lockMs: number;
  /** Whether it takes no more jobs for now. */
  isFull: () => boolean;
  /** A marker that it has no use for: others may wait for just that one. */
  putBack: (marker: Exclude<Marker, null>) => void;
};

type Mark = { kind: "awaited" } | { kind: "found"; marker: Marker } | { kind: "failed"; err: unknown };

/** The worker itself counts its fetches from 0. */
const FIRST_NUMBER = 1_000_000_000;

export class HandOver {
  #receiver: Receiver | undefined;
  #hasLeft = false;
  /** While the worker waits. */
  #wake: (() => void) | undefined;
  /** Settles when it is known what came of a taking. */
  #taking: Promise<void> | undefined;
  #given: Given | undefined;
  #mark: Mark | undefined;
  #number = FIRST_NUMBER;

  /** Without a worker nothing is ever handed over. */
  join(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  /** For who is about to put a message into the queue. `undefined`: no worker waits. */
  ask(): Taking | undefined {
    const receiver = this.#receiver;
    const wake = this.#wake;
    if (receiver === undefined || this.#hasLeft || wake === undefined) return undefined;
    if (this.#taking !== undefined || this.#given !== undefined) return undefined;
    const settled = Promise.withResolvers<void>();
    this.#taking = settled.promise;
    return {
      token: `${receiver.owner}:${this.#number++}`,
      lockMs: receiver.lockMs,
      done: (given) => {
        this.#taking = undefined;
        this.#given = given;
        settled.resolve();
        if (given !== undefined) wake();
      },
    };
  }

  /** For the worker: as `waitForMarker`, but no longer than until a job is handed over. Then it is to `receive`. */
  async wait(timeoutSeconds: number, waitForMarker: (timeoutSeconds: number) => Promise<Marker>): Promise<Marker> {
    const woken = Promise.withResolvers<void>();
    let timer: NodeJS.Timeout | undefined;
    if (this.#mark === undefined) this.#watch(waitForMarker(timeoutSeconds));
    // It goes on from the last time, and has the timeout of that time.
    else timer = setTimeout(woken.resolve, timeoutSeconds * 1_000);
    if (this.#mark?.kind === "awaited") {
      this.#wake = woken.resolve;
      await woken.promise;
      this.#wake = undefined;
    }
    clearTimeout(timer);
    await this.#taking;
    const mark = this.#mark;
    if (this.#given !== undefined || mark === undefined || mark.kind === "awaited") return null;
    this.#mark = undefined;
    if (mark.kind === "failed") throw mark.err;
    return mark.marker;
  }

  /** For the worker, when it fetches a job. */
  receive(): Given | undefined {
    const given = this.#given;
    this.#given = undefined;
    return given;
  }

  /** The worker takes no more but what is on its way. */
  leave(): void {
    this.#hasLeft = true;
    // One that it has kept.
    if (this.#wake === undefined && this.#mark !== undefined) this.#settle(this.#mark);
  }

  #watch(marker: Promise<Marker>): void {
    this.#mark = { kind: "awaited" };
    marker.then(
      (found) => this.#settle({ kind: "found", marker: found }),
      (err: unknown) => this.#settle({ kind: "failed", err }),
    );
  }

  #settle(mark: Mark): void {
    this.#mark = mark;
    if (this.#wake !== undefined) return this.#wake();
    const { isFull, putBack } = this.#receiver ?? {};
    if (mark.kind !== "found" || isFull === undefined) return;
    if (mark.marker !== null && !this.#hasLeft && !isFull()) return;
    this.#mark = undefined;
    if (mark.marker !== null) putBack?.(mark.marker);
  }
}
