/** A Lua script that is sent once, and then only named: its text would weigh more than its arguments. */
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { Command, type Redis } from "ioredis";

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
  const run = async (redis: Redis, replyEncoding: "utf8" | null, keys: string[], args: ScriptArgument[]) => {
    gather(redis);
    // In one array: a message to thousands of domains has more arguments than a call can have.
    const all = [keys.length, ...keys, ...args];
    try {
      return await redis.sendCommand(new ScriptCommand("evalsha", [sha, ...all], { replyEncoding }));
    } catch (err) {
      // A new Redis, or one that was told SCRIPT FLUSH: nothing has been done.
      if (!(err instanceof Error && err.message.startsWith("NOSCRIPT"))) throw err;
      return redis.sendCommand(new ScriptCommand("eval", [text, ...all], { replyEncoding }));
    }
  };
  return Object.assign((redis: Redis, keys: string[], args: ScriptArgument[]) => run(redis, "utf8", keys, args), {
    asBytes: (redis: Redis, keys: string[], args: ScriptArgument[]) => run(redis, null, keys, args),
  });
}

/** An argument of this size is written as it is; a shorter one is copied sooner than written by itself. */
const ALONE_BYTES = 16 * 1024;

/** ioredis measures each argument several times over, and copies all into one Buffer, also large ones. */
class ScriptCommand extends Command {
  constructor(name: string, args: ScriptArgument[], options: { replyEncoding: "utf8" | null }) {
    // There is nothing in them to be unfolded.
    super(name, [], options);
    this.args = args;
  }

  override toWritable(socket: Socket): string | Buffer {
    const parts: (string | Buffer)[] = [];
    let words = `*${this.args.length + 1}\r\n${asBulk(this.name)}`;
    for (const arg of this.args) {
      if (arg instanceof Buffer) {
        parts.push(`${words}$${arg.length}\r\n`, arg);
        words = "\r\n";
      } else {
        words += asBulk(String(arg));
      }
    }
    if (parts.length === 0) return words;
    if (!parts.some((part) => part.length >= ALONE_BYTES)) {
      return Buffer.concat([...parts, words].map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
    }
    // Corked by `gather`, it is one write to Redis all the same.
    for (const part of parts) socket.write(part);
    return words;
  }
}

/** As an argument goes to Redis (RESP, bulk string). */
const asBulk = (word: string) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
