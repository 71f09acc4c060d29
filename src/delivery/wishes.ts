/**
 * What a job's sender wants to hear: handed to a host that offers DSN, and seen
 * to by ourselves where the host does not. RFC 3461 sections 5.2.1 and 5.2.2.
 *
 * Towards a host without DSN a client may give the recipients with NOTIFY=NEVER
 * a transaction of their own with a null sender, so that no report comes back
 * (section 5.2.2, MAY). This one does not: SPF would be judged by the relay's
 * name, DMARC fail with it where mail is not signed, and a mail host may take
 * it for a bounce. A report that was not wanted is the smaller harm.
 */
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import { type EnvelopeDsn, type RecipientDsn, wantsReport } from "../mail/dsn.ts";
import type { Outcome } from "./outcome.ts";

/** `undefined`: nothing in particular. */
export function wishesOf({ ret, envid, recipients }: DeliveryJobData): EnvelopeDsn | undefined {
  const own = new Map<string, RecipientDsn>();
  for (const { address, notify, orcpt } of recipients) {
    if (notify === undefined && orcpt === undefined) continue;
    own.set(address, { ...(notify === undefined ? {} : { notify }), ...(orcpt === undefined ? {} : { orcpt }) });
  }
  if (ret === undefined && envid === undefined && own.size === 0) return undefined;
  return {
    ...(ret === undefined ? {} : { ret }),
    ...(envid === undefined ? {} : { envid }),
    ...(own.size === 0 ? {} : { recipients: own }),
  };
}

/** For outcomes of a host without DSN: it is for us to say that the message went on. */
export function markRelayed(outcomes: Map<string, Outcome>, dsn: EnvelopeDsn | undefined): void {
  if (dsn?.recipients === undefined) return;
  for (const [address, outcome] of outcomes) {
    const wishes = dsn.recipients.get(address) ?? {};
    if (outcome.kind === "delivered" && wantsReport(wishes, "SUCCESS"))
      outcomes.set(address, { ...outcome, relayed: true });
  }
}
