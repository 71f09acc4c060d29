/**
 * From the text a client sent to the message the queue takes: line endings
 * checked, loops stopped, missing fields and the trace field put on top.
 * RFC 5321 sections 4.4 and 6.3, RFC 6409 section 8.
 */
import type { Domain } from "../dns/answer.ts";
import { endWithCrlf, findBareLineEnding, normaliseLineEndings } from "../mail/content.ts";
import type { AcceptedMessage, Envelope, Origin } from "../mail/envelope.ts";
import { countReceived, fieldOf, MAX_HEAD_BYTES, missingFields, readHead, withFields } from "../mail/head.ts";
import { type Protocol, protocolWord, receivedField } from "../mail/received.ts";
import type { Reply } from "./reply.ts";

/** What is known of a message besides its text. */
export type Arrival = {
  envelope: Envelope;
  /** `name` is from EHLO or HELO. */
  client: { name: string; address: string; user?: string };
  protocol: Protocol;
  tls?: { version: string; cipher: string };
};

export type ContentRules = {
  hostname: Domain;
  /** `normalise` makes each bare CR and LF a CRLF, which breaks a DKIM signature over it. */
  bareLineEndings: "refuse" | "normalise";
  /** A message with more Received fields is in a loop. */
  maxReceived: number;
};

export type Prepared =
  /** `messageId` is the text of the Message-ID field. */
  { kind: "ready"; message: AcceptedMessage; messageId: string } | { kind: "refused"; reply: Reply };

const BARE_LINE_ENDING: Reply = { code: 554, status: "5.6.0", text: "Message has a CR or LF alone; lines end in CRLF" };
const HEAD_TOO_LONG: Reply = { code: 554, status: "5.6.0", text: `Header is larger than ${MAX_HEAD_BYTES} bytes` };
const LOOP: Reply = { code: 554, status: "5.4.6", text: "Too many hops: the message is in a loop" };

export function prepareMessage(
  text: Buffer,
  arrival: Arrival,
  rules: ContentRules,
  own: { id: string; now: number },
): Prepared {
  const bare = findBareLineEnding(text) !== -1;
  if (bare && rules.bareLineEndings === "refuse") return { kind: "refused", reply: BARE_LINE_ENDING };
  const data = endWithCrlf(bare ? normaliseLineEndings(text) : text);
  const head = readHead(data);
  if (head === undefined) return { kind: "refused", reply: HEAD_TOO_LONG };
  if (countReceived(head) > rules.maxReceived) return { kind: "refused", reply: LOOP };

  const { id, now } = own;
  const { hostname } = rules;
  const { envelope, client, protocol, tls } = arrival;
  const received = receivedField({
    clientName: client.name,
    clientAddress: client.address,
    protocol,
    ...(tls === undefined ? {} : { tls }),
    hostname,
    id,
    to: envelope.to,
    receivedAt: now,
  });
  const fields = received + missingFields(head, { id, hostname, now });
  const messageId = fieldOf(head, "message-id") ?? `<${id}@${hostname}>`;
  const origin: Origin = {
    client: client.address,
    ...(client.user === undefined ? {} : { user: client.user }),
    protocol: protocolWord(protocol),
    messageId,
  };
  return {
    kind: "ready",
    message: { id, envelope, data: withFields(data, head, fields), acceptedAt: now, origin },
    messageId,
  };
}
