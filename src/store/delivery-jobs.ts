/** From an accepted message to its delivery jobs: one for each recipient domain. */
import type { Domain } from "../dns/answer.ts";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import { domainOf, type AcceptedMessage } from "../mail/envelope.ts";

/** `lifetimeMs`: how long after acceptance the message is given up. */
export function deliveryJobs(message: AcceptedMessage, lifetimeMs: number): DeliveryJobData[] {
  const { envelope, acceptedAt } = message;
  const { ret, envid, recipients: wishes } = envelope.dsn ?? {};
  return [...byDomain(envelope.to)].map(([domain, addresses]) => ({
    message: message.id,
    domain,
    from: envelope.from,
    recipients: addresses.map((address) => ({ address, state: "waiting", ...wishes?.get(address) })),
    acceptedAt: new Date(acceptedAt).toISOString(),
    expiresAt: new Date(acceptedAt + lifetimeMs).toISOString(),
    sizeBytes: message.data.length,
    smtputf8: envelope.smtputf8,
    eightBit: envelope.eightBit,
    ...(ret === undefined ? {} : { ret }),
    ...(envid === undefined ? {} : { envid }),
    ...(message.tlsRequired === false ? { tlsRequired: false } : {}),
    attempt: 0,
    attempts: [],
  }));
}

function byDomain(addresses: string[]): Map<Domain, string[]> {
  return Map.groupBy(addresses, domainOf);
}
