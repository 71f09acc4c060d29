/**
 * Every key of the relay in Redis. All carry the hash tag `{relay}`, so that
 * they lie in one slot and may be changed together in one transaction, also on
 * a cluster.
 *
 * BullMQ makes its own keys below `{relay}:delivery:` and `{relay}:maintenance:`.
 */
import type { Domain } from "../dns/answer.ts";

export const keyPrefix = "{relay}";

/** The queue whose jobs are one message to one recipient domain. */
export const deliveryQueue = "delivery";

/** The queue of what is done by the clock: policy refresh, sweeping. */
export const maintenanceQueue = "maintenance";

/**
 * A hash: the message text, in one piece or two, and one field for each delivery
 * job that still needs it. The job that takes out the last one deletes the key.
 */
export const bodyKey = (messageId: string): string => `${keyPrefix}:body:${messageId}`;

export const bodyKeyPattern = bodyKey("*");

/** The reverse of `bodyKey`. */
export const messageIdOf = (key: string): string => key.slice(bodyKey("").length);

/** The field of the body that holds the message text, or the first piece of it. */
export const dataField = "data";

/** The field of the body that holds the second piece of the text, where there is one: see `text-pieces.ts`. */
export const restField = "rest";

/** The field of the body that says: this domain's job still needs it. Its value is the time of acceptance. */
export const openField = (domain: Domain): string => `open:${domain}`;

/** The reverse of `openField`; `undefined` for any other field. */
export const domainOfField = (field: string): Domain | undefined =>
  field.startsWith("open:") ? field.slice("open:".length) : undefined;

/** The field of a body in which the message's history begins. */
export const acceptedField = "accepted";

/**
 * The id of a delivery job. It follows from message and domain, so that adding
 * a message twice adds nothing the second time.
 *
 * BullMQ refuses `:` in an id, and an IPv6 address literal is full of them.
 */
export const deliveryJobId = (messageId: string, domain: Domain): string =>
  `${messageId}/${domain.replaceAll(/[%:]/g, encodeURIComponent)}`;

/** The reverse of `deliveryJobId`. */
export function partsOfJobId(jobId: string): { message: string; domain: Domain } {
  const slash = jobId.indexOf("/");
  return { message: jobId.slice(0, slash), domain: jobId.slice(slash + 1).replaceAll(/%25|%3A/g, decodeURIComponent) };
}

/** The hash in which BullMQ keeps a delivery job; its field `data` is the JSON of a `DeliveryJobData`. */
export const deliveryJobKey = (jobId: string): string => `${keyPrefix}:${deliveryQueue}:${jobId}`;

/** A hash: the workers on the delivery queue, see `worker-presence.ts`. */
export const workersKey = `${keyPrefix}:workers`;

/** A sorted set: the delivery jobs that an operator holds, by the time since when. */
export const heldKey = `${keyPrefix}:held`;

/**
 * A list, oldest first: what happened to a message, each a `HistoryEntry` in JSON. It is begun by the
 * second: till then the first lies in `acceptedField`, beside the text, where it takes least.
 */
export const historyKey = (messageId: string): string => `${keyPrefix}:history:message:${messageId}`;

/** A sorted set: messages by the time of the latest thing that happened to them. */
export const historyByTimeKey = `${keyPrefix}:history:by-time`;

/** A sorted set without scores: `<Message-ID without brackets> <message>`. */
export const historyByMessageIdKey = `${keyPrefix}:history:by-message-id`;

export const policyKey = (domain: Domain): string => `${keyPrefix}:policy:${domain}`;
export const policyFailureKey = (domain: Domain): string => `${keyPrefix}:policy-failure:${domain}`;
export const policyLockKey = (domain: Domain): string => `${keyPrefix}:policy-lock:${domain}`;

/** A list, newest first. */
export const policyHistoryKey = (domain: Domain): string => `${keyPrefix}:policy-history:${domain}`;

/** A sorted set: domains by the time of their next refresh. */
export const policyRefreshKey = `${keyPrefix}:policy-refresh`;

/** Before each key of what is counted by `limiter.ts`; the time it is counted over belongs to it. */
export const limitKey = (name: string, seconds: number): string => `${keyPrefix}:limit:${name}:${seconds}s`;

/** A hash: exceptions set at run time, each an `Exception` in JSON, by domain. */
export const rulesKey = `${keyPrefix}:rules`;

/** A number that grows with each change of the exceptions. */
export const rulesVersionKey = `${keyPrefix}:rules-version`;

/** The pub/sub channel on which changes of the exceptions are told. */
export const rulesChannel = `${keyPrefix}:rules-changed`;

/** A list, newest first: what operators did, each an `OperatorAction` in JSON. */
export const operatorTrailKey = `${keyPrefix}:operator-trail`;

/** A list: those of them that no relay has written to its log yet. */
export const operatorNewsKey = `${keyPrefix}:operator-news`;

/** A hash: what was counted for a domain's TLS report on a day, `2026-11-22`. */
export const tlsResultsKey = (day: string, domain: Domain): string => `${keyPrefix}:tls-results:${day}:${domain}`;

/** A hash: how far that report has come. There from the moment it is first taken up. */
export const tlsReportKey = (day: string, domain: Domain): string => `${keyPrefix}:tls-report:${day}:${domain}`;

/** A sorted set: `<day> <domain>` of each report to be made, by the time when it is due. */
export const tlsReportsDueKey = `${keyPrefix}:tls-reports-due`;

/** A hash: incidents that are not over, each in JSON, by `<cause> <subject>`. */
export const incidentsKey = `${keyPrefix}:incidents`;

/** A list, newest first: incidents that are over. */
export const pastIncidentsKey = `${keyPrefix}:incidents-past`;

/** A sorted set: sites whose mail hosts took TLS, by when they last did. */
export const tlsSitesKey = `${keyPrefix}:tls-sites`;

/** A sorted set: those of them that do not offer it any more, by since when. */
export const tlsLostSitesKey = `${keyPrefix}:tls-sites-lost`;

/** A sorted set: domains by when their record was last compared with the policy in use. */
export const policyCheckedKey = `${keyPrefix}:policy-checked`;

/** A sorted set: domains that are watched for what `enforce` would refuse, by their latest day. */
export const shadowDomainsKey = `${keyPrefix}:shadow`;

/** A hash: what `enforce` would have done with one domain's mail on one day (UTC, `2026-11-22`). */
export const shadowKey = (domain: Domain, day: string): string => `${keyPrefix}:shadow:${domain}:${day}`;

/** There once a summary of the day has been given. */
export const shadowSummaryKey = (day: string): string => `${keyPrefix}:shadow-summary:${day}`;

/** The queue of what webhooks are to be told. */
export const webhookQueue = "webhooks";

/** A hash: the latest result of each watched domain's check, as JSON, by domain. */
export const checkResultsKey = `${keyPrefix}:check-results`;

/** A list: delivery jobs that wait for a turn at this destination, the longest waiting first. */
export const parkedKey = (destination: string): string => `${keyPrefix}:parked:${destination}`;

export const parkedKeyPattern = parkedKey("*");

/** The reverse of `parkedKey`. */
export const destinationOfParked = (key: string): string => key.slice(parkedKey("").length);

/** A hash: destinations that cannot be reached, until when and why, as JSON. */
export const closedDestinationsKey = `${keyPrefix}:closed`;

/** A sorted set: recipient domains by when a session with a host of theirs was last judged. */
export const metDomainsKey = `${keyPrefix}:met-domains`;

/** A hash: what protected a domain's mail on each of the last days, and the latest verdict. */
export const domainTlsKey = (domain: Domain): string => `${keyPrefix}:domain-tls:${domain}`;

/** A hash: what a domain's mail hosts showed last, as JSON, by `<host> <address>`. */
export const domainHostsKey = (domain: Domain): string => `${keyPrefix}:domain-hosts:${domain}`;

/** A hash: what the relay did in one minute (UTC, `2026-11-22T11:40`). */
export const flowKey = (minute: string): string => `${keyPrefix}:flow:${minute}`;
