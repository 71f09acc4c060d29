/** Opens sessions to hosts of a test, which end with it. */
import assert from "node:assert/strict";
import {
  type OpenOptions,
  type OpenResult,
  openSession,
  type Session,
  type SessionTarget,
} from "../../../src/smtp/session.ts";
import type { SetupFailure } from "../../../src/smtp/failure.ts";
import { trust } from "../../support/test-hosts.ts";

export const NAME = "mx.lab.test";
export const LIMITS = { setupTimeoutMs: 5000, commandTimeoutMs: 5000, dataTimeoutMs: 5000 };

type How = Partial<OpenOptions> & { target?: Partial<SessionTarget> };

export function open(host: { port: number }, { target, ...options }: How = {}): Promise<OpenResult> {
  return openSession(
    { host: NAME, address: "127.0.0.1", port: host.port, ...target },
    { starttls: "require", secureContext: trust.strict, hostname: "relay.test", limits: LIMITS, ...options },
  );
}

export async function opened(host: { port: number }, how: How = {}): Promise<Session & Disposable> {
  const result = await open(host, how);
  assert.equal(result.kind, "open", result.kind === "failed" ? result.failure.detail : "");
  const { session } = result;
  return Object.assign(session, { [Symbol.dispose]: () => session.close() });
}

export async function failed(host: { port: number }, how: How = {}): Promise<SetupFailure> {
  const result = await open(host, how);
  if (result.kind === "open") result.session.close();
  assert.equal(result.kind, "failed");
  return result.failure;
}
