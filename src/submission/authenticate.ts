/**
 * The answer to AUTH. RFC 4954.
 */
import type { Events } from "../observe/events.ts";
import type { Login } from "./login.ts";
import type { GuardedAnswer, LoginGuard } from "./login-guard.ts";
import { inSeconds } from "./rates.ts";
import type { Reply } from "./reply.ts";

export type AuthenticateParts = {
  login: Login;
  guard: LoginGuard;
  events: Pick<Events, "loginFailed">;
};

export type Credentials = {
  username?: string | undefined;
  password?: string | null | undefined;
  /** Whom to act for. RFC 4616 section 2. */
  authzid?: string | undefined;
};

/** `undefined` for who is let in. `signal` aborts when the client has gone. */
export async function authenticate(
  parts: AuthenticateParts,
  address: string,
  { username: name = "", password, authzid = "" }: Credentials,
  signal: AbortSignal,
): Promise<Reply | undefined> {
  // Acting for another needs a right that nobody has here.
  const forOther = authzid !== "" && authzid !== name;
  if (!forOther && parts.login.remembers(name, password ?? "")) return undefined;
  const check = async () => (forOther ? "wrong" : parts.login.check(name, password ?? ""));
  const answer = await parts.guard.attempt({ address, name }, check, signal);
  if (answer === "wrong") parts.events.loginFailed({ client: address, user: name.slice(0, 128) });
  return replyTo(answer);
}

function replyTo(answer: GuardedAnswer): Reply | undefined {
  switch (answer) {
    case "right":
      return undefined;
    case "wrong":
      return { code: 535, status: "5.7.8", text: "Authentication credentials invalid" };
    case "busy":
      return {
        code: 454,
        status: "4.7.0",
        text: "Temporary authentication failure",
        detail: "too many logins at once",
      };
    case "gone":
      // Nobody hears this.
      return { code: 421, status: "4.4.2", text: "Connection lost", detail: "the client went away from its login" };
    default:
      return {
        code: 454,
        status: "4.7.0",
        text: `Too many failed logins, try again in ${inSeconds(answer.lockedForMs)}`,
      };
  }
}
