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

function handOn(from: Socket, to: Socket, delayMs: () => number): void {
  let notBefore = 0;
  from.on("data", (chunk: Buffer) => {
    notBefore = Math.max(notBefore, Date.now() + delayMs());
    setTimeout(() => {
      if (to.writable) to.write(chunk);
    }, notBefore - Date.now());
  });
  // Not only on "end": a killed server's connections are reset.
  from.on("error", () => undefined);
  from.on("close", () => to.destroy());
}
