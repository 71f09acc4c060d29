/**
 * What a listener lets clients do. Asked for anew each time, so that changed
 * settings hold from the next command on.
 */
import type { ConnectionLimits } from "./limits.ts";
import type { Login } from "./login.ts";
import type { LoginGuard } from "./login-guard.ts";
import type { Rates } from "./rates.ts";
import type { Trust } from "./trust.ts";

export type IntakeRules = {
  maxMessageBytes: number;
  maxRecipients: number;
  /** A message with more Received fields is in a loop. */
  maxReceived: number;
  bareLineEndings: "refuse" | "normalise";
  allowAddressLiterals: boolean;
  limits: ConnectionLimits;
  rates: Rates;
  trust: Trust;
  /** Who may log in; absent when nobody may. Never offered without TLS. */
  login?: Login;
  loginGuard: LoginGuard;
  /** How long a client may take over its next command, or be silent within a message. RFC 5321 section 4.5.3.2.7: at least 5 minutes. */
  idleTimeoutMs: number;
  /** How long a session may go on without a message being taken. */
  sessionTimeoutMs: number;
};
