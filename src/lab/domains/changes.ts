/**
 * Domains that change between two messages: what a policy once fetched is worth
 * against whoever takes its record, its host or its mail server away.
 * RFC 8461 sections 3.3, 5.1 and 10.
 */
import type { DomainSetup } from "../domain-setup.ts";
import type { LabDomain } from "../lab-domain.ts";

const DELIVERED = { outcome: "delivered", tls: "verified" } as const;
const setup: Omit<DomainSetup, "name"> = { policy: {} };

export const changes = (): LabDomain[] => [
  {
    name: "id-changes.test",
    shows: "all is right, for now",
    setup,
    expect: DELIVERED,
    next: {
      shows: "a new record id, and a policy that no longer lists the mail server",
      change: (lab) =>
        lab.publish("id-changes.test", { record: { id: "2" }, policy: { mx: ["new-mx.id-changes.test"] } }),
      expect: { outcome: "deferred", tls: "none", reason: /polic|list/i },
    },
  },
  {
    name: "enforce-to-none.test",
    shows: "all is right, for now",
    setup,
    expect: DELIVERED,
    next: {
      shows: "the domain has taken its policy back (mode none) and dropped encryption",
      change: (lab) => {
        lab.publish("enforce-to-none.test", { record: { id: "2" }, policy: { mode: "none" } });
        lab.mx("mx.enforce-to-none.test").behave({ starttls: "absent" });
      },
      expect: { outcome: "delivered", tls: "clear" },
    },
  },
  {
    name: "record-vanishes.test",
    shows: "all is right, for now",
    setup,
    expect: DELIVERED,
    next: {
      shows: "an attacker hides the TXT record and strips encryption: the policy that is known still holds",
      change: (lab) => {
        lab.publish("record-vanishes.test", {});
        lab.mx("mx.record-vanishes.test").behave({ starttls: "absent" });
      },
      expect: { outcome: "deferred", tls: "none", reason: /STARTTLS/i },
    },
  },
  {
    name: "policy-host-breaks.test",
    shows: "all is right, for now",
    setup,
    expect: DELIVERED,
    next: {
      shows: "a new record id whose policy cannot be had: the policy that is known still holds",
      change: (lab) => {
        lab.publish("policy-host-breaks.test", { record: { id: "2" }, policy: { status: 503 } });
        lab.mx("mx.policy-host-breaks.test").behave({ starttls: "absent" });
      },
      expect: { outcome: "deferred", tls: "none", reason: /STARTTLS/i },
    },
  },
];
