/** A real Redis in a directory of its own, thrown away at the end. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedRedis, type EmbeddedServerEvent } from "../../src/store/embedded-server.ts";

export type TestRedis = AsyncDisposable & {
  socketPath: string;
  dir: string;
  /** What the supervisor told, oldest first. */
  events: EmbeddedServerEvent[];
  /** Of the server that runs now. */
  readonly pid: number;
  stop(): Promise<void>;
};

export async function startTestRedis(options: { maxMemoryBytes?: number } = {}): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), "sts-relay-test-"));
  const events: EmbeddedServerEvent[] = [];
  const server = await startEmbeddedRedis({
    dir,
    maxMemoryBytes: 256 * 1024 * 1024,
    stopLimitMs: 2_000,
    ...options,
    onEvent: (event) => events.push(event),
  });
  const stop = async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  };
  return {
    socketPath: server.socketPath,
    dir,
    events,
    get pid() {
      return server.pid;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
