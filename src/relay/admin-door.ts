/** Who may log in at the admin port, as the settings of the moment say. */
import type { DoorParts } from "../admin/door.ts";
import type { Config } from "../config/config.ts";
import type { StoreConnection } from "../store/connection.ts";
import { createLimiter } from "../store/limiter.ts";
import { createLogin } from "../submission/login.ts";
import { createLoginGuard } from "../submission/login-guard.ts";
import { follow } from "./follow.ts";

/** So many failed logins of one address. */
const FAILURES = { count: 20, periodMs: 15 * 60_000 };

export function adminDoor(live: () => Config, connection: Pick<StoreConnection, "redis">): () => DoorParts {
  const guard = createLoginGuard({
    byClient: createLimiter({ connection, name: "admin-login-client", ...FAILURES }),
    // A name is only slowed, never refused: there is no count that is too many.
    byName: createLimiter({ connection, name: "admin-login-name", ...FAILURES, count: Number.MAX_SAFE_INTEGER }),
  });
  const login = follow(
    () => live().admin.users,
    (users) => (users.length === 0 ? {} : { login: createLogin({ users, now: Date.now }) }),
  );
  return () => ({ token: live().admin.token, guard, ...login() });
}
