/**
 * Asks the DNS for a domain's `_mta-sts` record. RFC 8461 section 3.1.
 */
import type { AskOptions, Domain, Resolver } from "../dns/answer.ts";
import type { RecordAnswer } from "./decision.ts";
import { readRecords, recordName } from "./record.ts";

/** Rejects only when the signal ends it, with the signal's reason. */
export async function askRecord(dns: Resolver, domain: Domain, options: AskOptions): Promise<RecordAnswer> {
  const answer = await dns.txt(recordName(domain), options);
  // An abort is ours, and no news of the domain.
  options.signal?.throwIfAborted();
  switch (answer.kind) {
    case "found":
      return readRecords(answer.records);
    case "absent":
      return { kind: "absent" };
    case "unknown":
      return { kind: "unknown", detail: `the MTA-STS record could not be asked for: ${answer.detail}` };
  }
}
