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
 * A hash: the message text, and one field for each delivery job that still
 * needs it. The job that takes out the last one deletes the key.
 */
export const bodyKey = (messageId: string): string => `${keyPrefix}:body:${messageId}`;

export const bodyKeyPattern = bodyKey("*");

/** The reverse of `bodyKey`. */
export const messageIdOf = (key: string): string => key.slice(bodyKey("").length);

/** The field of the body that holds the message text. */
export const dataField = "data";

/** The field of the body that says: this domain's job still needs it. Its value is the time of acceptance. */
export const openField = (domain: Domain): string => `open:${domain}`;

/** The reverse of `openField`; `undefined` for any other field. */
export const domainOfField = (field: string): Domain | undefined =>
  field.startsWith("open:") ? field.slice("open:".length) : undefined;

/**
 * The id of a delivery job. It follows from message and domain, so that adding
 * a message twice adds nothing the second time.
 *
 * BullMQ refuses `:` in an id, and an IPv6 address literal is full of them.
 */
export const deliveryJobId = (messageId: string, domain: Domain): string =>
  `${messageId}/${domain.replaceAll(/[%:]/g, encodeURIComponent)}`;

/** The hash in which BullMQ keeps a delivery job; its field `data` is the JSON of a `DeliveryJobData`. */
export const deliveryJobKey = (jobId: string): string => `${keyPrefix}:${deliveryQueue}:${jobId}`;

export const policyKey = (domain: Domain): string => `${keyPrefix}:policy:${domain}`;
export const policyFailureKey = (domain: Domain): string => `${keyPrefix}:policy-failure:${domain}`;
export const policyLockKey = (domain: Domain): string => `${keyPrefix}:policy-lock:${domain}`;

/** A list, newest first. */
export const policyHistoryKey = (domain: Domain): string => `${keyPrefix}:policy-history:${domain}`;

/** A sorted set: domains by the time of their next refresh. */
export const policyRefreshKey = `${keyPrefix}:policy-refresh`;
