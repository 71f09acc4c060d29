/** Runs `load/sink.c`: the mail hosts of all domains, and what they have taken. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { readNumbers } from "./load-source.ts";
import type { Programs } from "./programs.ts";

export type Counts = {
  unique: number;
  duplicates: number;
  unnumbered: number;
  connections: number;
  handshakes: number;
  failedHandshakes: number;
  /** On the clock of the load source, in seconds. */
  lastAt: number;
};

export type CountingSink = {
  counts(): Promise<Counts>;
  forget(): Promise<void>;
  /** When each message was taken first, by its number: seconds on the clock of the load source. */
  times(): Promise<Map<number, number>>;
  /** Resolves when it has taken so many, or none for `idleMs`. */
  settled(messages: number, idleMs?: number): Promise<Counts>;
};

/** It ends with this process, and after `seconds` in any case. */
export async function startSink(
  parts: { programs: Programs; scratch: string },
  addresses: string[],
  certificate: { certFile: string; keyFile: string },
  seconds: number,
): Promise<CountingSink> {
  const options = ["-s", String(seconds), "-c", certificate.certFile, "-k", certificate.keyFile];
  const listen = addresses.flatMap((range) => ["-l", range]);
  const program = parts.programs.start("world", [join(parts.scratch, "bin/sink"), ...options, ...listen], {
    stdin: "pipe",
  });
  const { stdin, stdout, stderr } = program.child;
  if (stdin === null || stdout === null) throw new Error("the sink has no standard input and output");
  stderr?.on("data", (piece: Buffer) => process.stderr.write(piece));
  const lines = createInterface({ input: stdout });
  const waiting: ((line: string) => void)[] = [];
  lines.on("line", (line) => waiting.shift()?.(line));
  const nextLine = () => new Promise<string>((resolve) => void waiting.push(resolve));
  const ended = once(program.child, "exit").then(() => {
    throw new Error("the sink has ended");
  });
  ended.catch(() => undefined);
  const ask = async <T>(command: string): Promise<T> => {
    stdin.write(`${command}\n`);
    return JSON.parse(await Promise.race([nextLine(), ended])) as T;
  };
  await Promise.race([nextLine(), ended]);

  const counts = () => ask<Counts>("counts");
  return {
    counts,
    forget: async () => void (await ask("forget")),
    async times() {
      const file = join(parts.scratch, "taken");
      await ask(`times ${file}`);
      return new Map(readNumbers(await readFile(file, "utf8")).map(([number = 0, at = 0]) => [number, at]));
    },
    async settled(messages, idleMs = 20_000) {
      let last = await counts();
      for (let movedAt = Date.now(); last.unique < messages && Date.now() - movedAt < idleMs;) {
        await sleep(40);
        const next = await counts();
        if (next.unique > last.unique) movedAt = Date.now();
        last = next;
      }
      // A second copy would come soon after the first.
      await sleep(200);
      return counts();
    },
  };
}
