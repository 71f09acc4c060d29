/** A Lua script that is sent once, and then only named: its text would weigh more than its arguments. */
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import type { Redis } from "ioredis";

export type ScriptArgument = string | number | Buffer;

export type Script = {
  (redis: Redis, keys: string[], args: ScriptArgument[]): Promise<unknown>;
  /** The same, with each string of the reply as bytes. */
  asBytes(redis: Redis, keys: string[], args: ScriptArgument[]): Promise<unknown>;
};

/** Commands of one turn go to Redis in one write, and are put on disk there together. */
function gather(redis: Redis): void {
  const { stream } = redis as unknown as { stream?: Socket };
  if (stream === undefined || stream.writableCorked > 0) return;
  stream.cork();
  setImmediate(() => stream.uncork());
}

export function createScript(text: string): Script {
  const sha = createHash("sha1").update(text).digest("hex");
  const run = async (redis: Redis, call: "call" | "callBuffer", keys: string[], args: ScriptArgument[]) => {
    gather(redis);
    // In one array: a message to thousands of domains has more arguments than a call can have.
    const all = [keys.length, ...keys, ...args];
    try {
      return await redis[call]("evalsha", [sha, ...all]);
    } catch (err) {
      // A new Redis, or one that was told SCRIPT FLUSH: nothing has been done.
      if (!(err instanceof Error && err.message.startsWith("NOSCRIPT"))) throw err;
      return redis[call]("eval", [text, ...all]);
    }
  };
  return Object.assign((redis: Redis, keys: string[], args: ScriptArgument[]) => run(redis, "call", keys, args), {
    asBytes: (redis: Redis, keys: string[], args: ScriptArgument[]) => run(redis, "callBuffer", keys, args),
  });
}
