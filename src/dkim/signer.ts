/**
 * Signs what enters the queue, by the domains in its From field. RFC 6376.
 */
import type { AcceptedMessage } from "../mail/envelope.ts";
import { fromDomains } from "../mail/from-domains.ts";
import { readHead } from "../mail/head.ts";
import type { DkimKey } from "./key.ts";
import { signatureFields } from "./sign.ts";

/** Rejects where it cannot sign what it should: then the message is not taken, never sent without. */
export type Signer = (message: AcceptedMessage) => Promise<AcceptedMessage>;

/** A message from a domain without a key stays as it is. With several keys for a domain each makes a signature. */
export function createSigner(keys: DkimKey[]): Signer {
  const byDomain = Map.groupBy(keys, ({ domain }) => domain);
  if (byDomain.size === 0) return (message) => Promise.resolve(message);
  return async (message) => {
    const head = readHead(message.data);
    if (head === undefined) throw new Error("the header is too long to be signed");
    const own = fromDomains(head).flatMap((domain) => byDomain.get(domain) ?? []);
    if (own.length === 0) return message;
    const fields = await signatureFields(message.data, head.sizeBytes, own, message.acceptedAt);
    return { ...message, data: Buffer.concat([Buffer.from(fields, "latin1"), message.data]) };
  };
}
