/**
 * Reads the text of a message from the client into memory, within limits of size,
 * of time, and of the memory that all clients share.
 */
import type { Readable } from "node:stream";
import { concatWithRoom } from "../mail/spare-room.ts";
import type { ByteBudget } from "./limits.ts";

export type CollectLimits = {
  maxBytes: number;
  /** For the whole text, however steadily it trickles in. */
  timeoutMs: number;
  budget: ByteBudget;
};

export type Collected =
  /** `release` gives the memory back to the budget, once the message is out of the process. */
  | { kind: "complete"; data: Buffer; release: () => void }
  /** Read to its end and dropped, so that the client can be told. RFC 5321 section 4.1.1.4. */
  | { kind: "too-large" }
  | { kind: "no-room" }
  /** Went on sending to more than twice the limit: the connection is not worth keeping. */
  | { kind: "flood" }
  | { kind: "too-slow" }
  /** The client went away before the end: there is no message. */
  | { kind: "gone" };

/** For the trace field, and for fields that are missing: a text needs no copy to get them. */
const OWN_FIELDS_BYTES = 2_048;

export function collect(stream: Readable, limits: CollectLimits): Promise<Collected> {
  return new Promise((resolve) => {
    let chunks: Buffer[] = [];
    let heldBytes = 0;
    let seenBytes = 0;
    let dropped: "too-large" | "no-room" | undefined;

    const release = () => {
      chunks = [];
      limits.budget.giveBack(heldBytes);
      heldBytes = 0;
    };
    const finish = (collected: Collected) => {
      clearTimeout(timer);
      stream.off("data", onData).off("end", onEnd).off("close", onClose);
      if (collected.kind !== "complete") release();
      resolve(collected);
    };
    const onData = (chunk: Buffer) => {
      seenBytes += chunk.length;
      if (seenBytes > 2 * limits.maxBytes) return finish({ kind: "flood" });
      if (dropped !== undefined) return;
      if (seenBytes > limits.maxBytes) dropped = "too-large";
      else if (!limits.budget.take(chunk.length)) dropped = "no-room";
      if (dropped !== undefined) return release();
      heldBytes += chunk.length;
      chunks.push(chunk);
    };
    const onEnd = () => {
      if (dropped !== undefined) return finish({ kind: dropped });
      const data = concatWithRoom(chunks, { before: OWN_FIELDS_BYTES, behind: 0 });
      chunks = [];
      finish({ kind: "complete", data, release });
    };
    // "close" without "end" before it: half a message must never pass for a whole one.
    const onClose = () => finish({ kind: "gone" });
    const timer = setTimeout(() => finish({ kind: "too-slow" }), limits.timeoutMs);

    // An error is followed by "close"; without a listener it would end the process.
    stream.on("error", () => {});
    stream.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}
