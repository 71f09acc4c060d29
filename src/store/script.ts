/** A Lua script that is sent once, and then only named: its text would weigh more than its arguments. */
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";

export type Script = (redis: Redis, keys: string[], args: (string | number)[]) => Promise<unknown>;

export function createScript(text: string): Script {
  const sha = createHash("sha1").update(text).digest("hex");
  return async (redis, keys, args) => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (err) {
      // A new Redis, or one that was told SCRIPT FLUSH.
      if (!(err instanceof Error && err.message.startsWith("NOSCRIPT"))) throw err;
      return redis.eval(text, keys.length, ...keys, ...args);
    }
  };
}
