/** Runs `load/source.c`, and reads what it noted of each message. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Programs } from "./programs.ts";

export type Load = {
  messages: number;
  bytes: number;
  /** Domains PREFIX0.test, PREFIX1.test, … in turn. */
  to: { prefix: "d" | "p" | "c" | "t"; domains: number };
  connections: number;
  /** One, or many on a connection that is kept. */
  perConnection: number;
  /** Messages a second; without it, as fast as the relay takes them. */
  rate?: number;
  /** The number of the first message. */
  first: number;
};

/** Times in seconds, on the clock that the sink has too. */
export type Submitted = { begunAt: number; sentAt: number; ackedAt: number };

export type LoadReport = {
  accepted: number;
  failed: number;
  connections: number;
  /** Of all that were accepted, head and text. */
  textBytes: number;
  begunAt: number;
  lastAckedAt: number;
  /** The first, in words; may be empty. */
  failure: string;
  /** By number: those that were answered 250. */
  submitted: Map<number, Submitted>;
};

export async function runLoad(
  parts: { programs: Programs; scratch: string; port: number },
  load: Load,
  limitSeconds: number,
): Promise<LoadReport> {
  const file = join(parts.scratch, "submitted");
  const options = {
    "-p": parts.port,
    "-c": Math.min(load.connections, load.messages),
    "-n": load.messages,
    "-b": load.bytes,
    "-d": `${load.to.prefix},${load.to.domains}`,
    "-k": load.perConnection,
    ...(load.rate === undefined ? {} : { "-r": load.rate }),
    "-f": load.first,
    "-o": file,
    "-s": limitSeconds,
  };
  const command = [join(parts.scratch, "bin/source"), ...Object.entries(options).flat().map(String)];
  const printed = await parts.programs.run("load", command, { limitMs: (limitSeconds + 10) * 1_000 });
  const submitted = new Map<number, Submitted>();
  for (const [number = 0, begunAt = 0, sentAt = 0, ackedAt = 0] of readNumbers(await readFile(file, "utf8")))
    submitted.set(number, { begunAt, sentAt, ackedAt });
  return { ...(JSON.parse(printed) as Omit<LoadReport, "submitted">), submitted };
}

/** Lines of numbers with blanks between. */
export function readNumbers(text: string): number[][] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(" ").map(Number));
}
