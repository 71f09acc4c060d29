/**
 * What the settings make of the listeners' rules. What one of them is made from
 * a setting that has not changed is kept, and with it what it remembers.
 */
import type { Config } from "../config/config.ts";
import type { StoreConnection } from "../store/connection.ts";
import { createLimiter } from "../store/limiter.ts";
import { createLogin } from "../submission/login.ts";
import { createLoginGuard } from "../submission/login-guard.ts";
import type { Scopes } from "../submission/rates.ts";
import type { IntakeRules } from "../submission/rules.ts";
import { createTrust } from "../submission/trust.ts";
import { follow } from "./follow.ts";

type Submission = Config["submission"];
type Rate = Submission["maxLoginFailures"];

export function followIntakeRules(live: () => Config, connection: Pick<StoreConnection, "redis">): () => IntakeRules {
  const submission = () => live().submission;
  const limiter = (name: string, rate: Rate) => createLimiter({ connection, name, ...rate });
  const trust = follow(() => submission().trustedNetworks, createTrust);
  const login = follow(() => submission().users, loginOf);
  const rates = follow(
    () => submission().rates,
    (settings) => ({
      messages: limitersOf(settings, "messages", limiter),
      recipients: limitersOf(settings, "recipients", limiter),
    }),
  );
  const loginGuard = follow(
    () => submission().maxLoginFailures,
    (rate) =>
      createLoginGuard({
        byClient: limiter("login-client", rate),
        // A name is only slowed, never refused: there is no count that is too many.
        byName: limiter("login-name", { ...rate, count: Number.MAX_SAFE_INTEGER }),
      }),
  );
  return follow(submission, (settings) => ({
    maxMessageBytes: settings.maxMessageSizeBytes,
    maxRecipients: settings.maxRecipients,
    maxReceived: settings.maxReceivedHeaders,
    bareLineEndings: settings.bareLineEndings,
    allowAddressLiterals: settings.allowAddressLiterals,
    limits: { connections: settings.maxConnections, connectionsPerClient: settings.maxConnectionsPerClient },
    idleTimeoutMs: settings.idleTimeoutMs,
    sessionTimeoutMs: settings.sessionTimeoutMs,
    trust: trust(),
    rates: rates(),
    loginGuard: loginGuard(),
    ...login(),
  }));
}

const loginOf = (users: Submission["users"]): Pick<IntakeRules, "login"> =>
  users.length === 0 ? {} : { login: createLogin({ users, now: Date.now }) };

function limitersOf<Limiter>(
  settings: Submission["rates"],
  what: "messages" | "recipients",
  limiter: (name: string, rate: Rate) => Limiter,
): Scopes<Limiter> {
  const of = (scope: keyof Scopes<unknown>) => {
    const rate = settings[scope][what];
    return rate === undefined ? {} : { [scope]: limiter(`${what}-${scope}`, rate) };
  };
  return { ...of("perClient"), ...of("perUser"), ...of("total") };
}
