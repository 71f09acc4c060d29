/**
 * Checks of domains, set up as the deliveries of this configuration are.
 */
import { createCheck, type CheckDomain, type CheckParts } from "../check/check.ts";
import type { Config } from "../config/config.ts";
import { openSession } from "../smtp/session.ts";
import type { Network } from "./protocols.ts";
import { wayOut } from "./way-out.ts";

/** A domain whose hosts are all silent takes this long; in earnest it is seconds. */
const TIMEOUT_MS = 5 * 60_000;

export function createChecks(config: Config, parts: Network & Pick<CheckParts, "cache" | "ruleOf">): CheckDomain {
  return createCheck({ ...parts, ...wayOut(config), openSession, now: Date.now, timeoutMs: TIMEOUT_MS });
}
