/** What happens at the admin port. */
import type { Logger } from "pino";

export function adminEvents(log: Logger) {
  return {
    adminOpen: (what: { url: string }) => log.info({ event: "admin-open", ...what }, `admin port: ${what.url}`),
    adminUnavailable: (what: { detail: string }) =>
      log.warn({ event: "admin-unavailable", ...what }, `going on without the admin port: ${what.detail}`),
    adminLoginFailed: (what: { client: string; user: string }) =>
      log.warn({ event: "admin-login-failed", ...what }, `login of ${what.user} at the admin port failed`),
  };
}
