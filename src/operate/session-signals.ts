/**
 * What a session tells of its host beyond the message at hand: a certificate
 * near its end, and whether TLS was there.
 */
import type { SessionSeen } from "../delivery/session-seen.ts";
import type { Clearance, Signal } from "./incident.ts";

const DAY_MS = 86_400_000;

/** No mail to the host in this time: nothing is known of its certificate any more. */
const NOT_MET_FOR_MS = 30 * DAY_MS;

/**
 * The certificate of a host that must have a valid one. The incident is the
 * host's, not the domain's: one host may receive for ten thousand domains.
 */
export function newsOfCertificate(
  { domain, host, address, requirement, facts, at }: SessionSeen,
  warningMs: number,
): { raise: Signal } | { clear: Clearance } | undefined {
  const binds = requirement.tls === "verified" && !requirement.reportOnly;
  const expiresAt = facts.secured ? facts.certificate?.expiresAt : undefined;
  if (!binds || expiresAt === undefined) return undefined;
  const about = { cause: "certificate-expiring", subject: host, at } as const;
  if (expiresAt - at > warningMs) {
    // Behind one name there may be several machines, of which one was forgotten.
    const undoes = (baseline: string | undefined) => baseline === undefined || baseline === address;
    return { clear: { ...about, because: "it has a new certificate", undoes } };
  }
  const day = new Date(expiresAt).toISOString().slice(0, 10);
  const detail = `its certificate ${expiresAt <= at ? "expired" : "expires"} on ${day}; it receives for ${domain}, which enforces TLS`;
  return { raise: { ...about, detail, baseline: address, endsAt: at + NOT_MET_FOR_MS } };
}

/**
 * Whether the host took TLS. A handshake that failed says neither: on the way
 * from one software release to the next that is common, and nothing is hidden.
 */
export function tlsOf({ facts }: Pick<SessionSeen, "facts">): "taken" | "not-offered" | undefined {
  if (facts.secured) return "taken";
  return facts.why === "not-offered" || facts.why === "refused" ? "not-offered" : undefined;
}

/**
 * Whose host it is, roughly: the last two labels of its name. Hosts of one
 * operator lose TLS together; of many operators, only in our own network.
 * `undefined` for an address. Two labels join strangers under `co.uk`, which
 * makes the alarm later, never false.
 */
export function siteOf(host: string): string | undefined {
  if (/^[\d.]+$|:/.test(host) || host.startsWith("[")) return undefined;
  return host.toLowerCase().replace(/\.$/, "").split(".").slice(-2).join(".");
}
