/** A TCP proxy that hands everything on late, in both directions, and in order. */
import { connect, createServer, type Socket } from "node:net";
import { listenOn } from "../../src/lab/loopback-server.ts";

export type SlowProxy = { port: number; close(): Promise<void> };

/** @param delayMs asked for each piece of data */
export async function startSlowProxy(target: { port: number }, delayMs: () => number): Promise<SlowProxy> {
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: "127.0.0.1", port: target.port, noDelay: true });
    handOn(client, upstream, delayMs);
    handOn(upstream, client, delayMs);
  });
  const listening = await listenOn(server, { host: "127.0.0.1", port: 0 });
  return { port: listening.port, close: listening.close };
}

/** One after the other: timers of different lengths that end together end in any order. */
function handOn(from: Socket, to: Socket, delayMs: () => number): void {
  const chunks: { data: Buffer; dueAt: number }[] = [];
  const next = () => {
    const [first] = chunks;
    if (first !== undefined) setTimeout(deliver, Math.max(0, first.dueAt - Date.now()));
  };
  const deliver = () => {
    const first = chunks.shift();
    if (first !== undefined && to.writable) to.write(first.data);
    next();
  };
  from.on("data", (data: Buffer) => {
    chunks.push({ data, dueAt: Date.now() + delayMs() });
    if (chunks.length === 1) next();
  });
  // Not only on "end": a killed server's connections are reset.
  from.on("error", () => undefined);
  from.on("close", () => to.destroy());
}
