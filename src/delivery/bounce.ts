/**
 * The bounce of a job's failed recipients, as a message for the queue.
 */
import { createHash } from "node:crypto";
import { buildBounce } from "../mail/bounce.ts";
import type { DeliveryJobData, RecipientState } from "../mail/delivery-job.ts";
import type { AcceptedMessage } from "../mail/envelope.ts";

/** @param body the message, for its header section; `undefined` when it is lost */
export async function bounceFor(
  data: DeliveryJobData,
  failed: RecipientState[],
  body: Buffer | undefined,
  hostname: string,
  now: number,
): Promise<AcceptedMessage> {
  const id = bounceId(data, failed);
  const messageId = `<${id}@${hostname}>`;
  const report = await buildBounce({
    hostname,
    to: data.from,
    message: data.message,
    acceptedAt: Date.parse(data.acceptedAt),
    now,
    recipients: failed.map(({ address, status, detail }) => ({
      address,
      status: status ?? "5.0.0",
      detail: detail ?? "",
    })),
    messageId,
    ...(body === undefined ? {} : { original: body }),
  });
  const envelope = { from: "", to: [data.from], smtputf8: data.smtputf8, eightBit: false };
  return { id, envelope, data: report, acceptedAt: now, origin: { messageId, reportOn: data.message } };
}

/** The same for the same failures of the same attempt, so that a run that is repeated after a crash adds no second bounce. */
function bounceId(data: DeliveryJobData, failed: RecipientState[]): string {
  const addresses = failed.map(({ address }) => address).join(" ");
  const digest = createHash("sha256").update(`${data.domain} ${data.attempt} ${addresses}`).digest("hex");
  return `${data.message}b${digest.slice(0, 8)}`;
}
