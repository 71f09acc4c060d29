/**
 * The store of a relay, for a command that looks at it or changes something in
 * it, whether the relay runs or not: the Redis that the configuration names, or
 * the one that a running relay keeps for itself.
 */
import { realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Config } from "../config/config.ts";
import { problemLine } from "../config/problem.ts";
import { EXIT_CONFIG, EXIT_UNAVAILABLE, StartError } from "../relay/start-error.ts";
import { connect, type ConnectOptions, type StoreConnection } from "../store/connection.ts";
import { ping } from "../store/server-process.ts";
import { socketPathFor } from "../store/socket-path.ts";
import { StoreError } from "../store/store-error.ts";
import { checkConfig, whereToLoad } from "./checked-config.ts";

/** Somebody sits and waits: sooner than a relay gives up that waits for its Redis to start. */
const READY_TIMEOUT_MS = 3_000;

/**
 * Connects, hands the connection over, closes it, and answers with the exit
 * code that `use` gives. Throws a `StartError` when the configuration is wrong,
 * or Redis away, also in the middle.
 * @param options those of the command: `config` is the configuration's file
 */
export async function withStore(
  options: { config?: string },
  use: (connection: StoreConnection, config: Config) => Promise<number>,
): Promise<number> {
  const config = await usableConfig(options.config);
  const connection = await connectStore(config);
  try {
    return await use(connection, config);
  } catch (error) {
    throw unavailable(error);
  } finally {
    await connection.close();
  }
}

/** Throws a `StartError` with everything that is wrong with the configuration. */
export async function usableConfig(file: string | undefined): Promise<Config> {
  const { config, errors } = await checkConfig(whereToLoad(file));
  if (config === undefined) throw new StartError(errors.map(problemLine).join("\n"), EXIT_CONFIG);
  return config;
}

/** Who opens it closes it. Throws a `StartError` when Redis is away. */
export async function connectStore(config: Config): Promise<StoreConnection> {
  const target = await targetOf(config);
  const { commandTimeoutMs } = config.redis;
  try {
    return await connect({ target, commandTimeoutMs, readyTimeoutMs: READY_TIMEOUT_MS, onState: () => undefined });
  } catch (error) {
    throw unavailable(error);
  }
}

const unavailable = (error: unknown) =>
  error instanceof StoreError ? new StartError(error.message, EXIT_UNAVAILABLE, { cause: error }) : error;

async function targetOf({ redis }: Config): Promise<ConnectOptions["target"]> {
  const { url, caFile, dir } = redis;
  if (url !== undefined) return caFile === undefined ? { url } : { url, caFile };
  const socketPath = socketOf(dir);
  if (socketPath === undefined || (await ping(socketPath)) === "away") {
    throw new StartError(
      `no relay runs on ${dir}, and its Redis ends with it: start one, or name another configuration with --config`,
      EXIT_UNAVAILABLE,
    );
  }
  return { socketPath };
}

/** `undefined`: there is no such directory, so there never was a relay on it. */
function socketOf(dir: string): string | undefined {
  try {
    return socketPathFor(realpathSync(dir), tmpdir());
  } catch {
    return undefined;
  }
}
