/** What the tests of the store share: a connection, messages, and waiting for a fact. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { AcceptedMessage } from "../../src/mail/envelope.ts";
import { connect, type ConnectOptions, type StoreConnection } from "../../src/store/connection.ts";

export type Opened = StoreConnection & AsyncDisposable & { states: string[] };

export async function open(socketPath: string, options: Partial<ConnectOptions> = {}): Promise<Opened> {
  const states: string[] = [];
  const connection = await connect({ target: { socketPath }, onState: (state) => states.push(state), ...options });
  return { ...connection, states, [Symbol.asyncDispose]: () => connection.close() };
}

export function messageTo(id: string, to: string[], data = "Subject: hello\r\n\r\nhello\r\n"): AcceptedMessage {
  const envelope = { from: "app@sender.example", to, smtputf8: false, eightBit: false };
  return { id, envelope, data: Buffer.from(data, "latin1"), acceptedAt: Date.parse("2026-11-22T10:00:00Z") };
}

export const lifetimeMs = 5 * 24 * 60 * 60 * 1_000;

/** What an operator sees. */
export async function redisCli(socketPath: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("redis-cli", ["-s", socketPath, "--no-raw", ...args]);
  return stdout.trim();
}

/** Waits for a fact. Fails when it does not come about within half a minute: other tests run beside this one. */
export async function until(fact: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!(await fact())) {
    if (Date.now() > limit) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
