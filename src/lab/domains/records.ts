/**
 * The `_mta-sts` TXT record in its forms: those that count, those that do not,
 * and those that cannot be had. RFC 8461 section 3.1.
 *
 * No MX host here would satisfy a policy, so that the outcome tells whether one
 * was found.
 */
import type { RecordSetup } from "../domain-setup.ts";
import type { Expectation, LabDomain } from "../lab-domain.ts";

type Case = { shows: string; record: RecordSetup };

const GOOD = "v=STSv1; id=1;";

/** A policy is found, and the mail server without encryption gets nothing. */
const FOUND: Record<string, Case> = {
  "split-txt": {
    shows: "the TXT record comes in several strings, which belong together",
    record: { records: [["v=STSv1; i", "d=2026", "0101;"]] },
  },
  "cname-txt": {
    shows: "the TXT record is an alias of one at a provider",
    record: { alias: "_mta-sts.provider.cname-txt.test" },
  },
  "foreign-txt": {
    shows: "a TXT record of something else lies beside the right one",
    record: { records: [["v=spf1 -all"], [GOOD]] },
  },
  "extended-txt": {
    shows: "the TXT record has a field that nobody knows yet",
    record: { records: [["v=STSv1; id=1; x-later=yes;"]] },
  },
};

/** There is no record that counts: no policy, the ordinary care. */
const NOT_FOUND: Record<string, Case> = {
  "two-records": {
    shows: "two TXT records: neither counts",
    record: { records: [[GOOD], ["v=STSv1; id=2;"]] },
  },
  "txt-without-id": { shows: "the TXT record lacks its id", record: { records: [["v=STSv1;"]] } },
  "txt-of-version-2": {
    shows: "the TXT record is of a version that is not known",
    record: { records: [["v=STSv2; id=1;"]] },
  },
  "txt-in-lower-case": {
    shows: "the TXT record says stsv1, and letter case counts",
    record: { records: [["v=stsv1; id=1;"]] },
  },
};

/** Whether there is a record cannot be found out: mail waits. */
const UNKNOWN: Record<string, Case> = {
  "servfail-txt": {
    shows: "DNS cannot say whether there is a policy",
    record: { behaviour: "servfail" },
  },
  "timeout-txt": {
    shows: "DNS does not answer whether there is a policy (an attacker can see to that)",
    record: { behaviour: "drop" },
  },
};

export const records = (): LabDomain[] => [
  ...rows(FOUND, { outcome: "deferred", tls: "none", reason: /STARTTLS/i }),
  ...rows(NOT_FOUND, { outcome: "delivered", tls: "clear" }),
  ...rows(UNKNOWN, { outcome: "deferred", tls: "none", reason: /DNS|polic|record|_mta-sts/i }),
];

function rows(cases: Record<string, Case>, expect: Expectation): LabDomain[] {
  return Object.entries(cases).map(([name, { shows, record }]) => ({
    name: `${name}.test`,
    shows,
    setup: { mx: [{ behaviour: { starttls: "absent" } }], policy: {}, record },
    expect,
  }));
}
