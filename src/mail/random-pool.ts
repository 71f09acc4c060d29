/** Random bytes, fetched from the system many at a time: one call of the kernel for each message is one too many. */
import { randomFillSync } from "node:crypto";

const POOL_BYTES = 4096;

/** @returns bytes that are handed out once; at most `POOL_BYTES` at a time */
export function createRandomPool(): (bytes: number) => Buffer {
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  return (bytes) => {
    if (used + bytes > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    used += bytes;
    return Buffer.from(pool.subarray(used - bytes, used));
  };
}
