/**
 * Each way in which a policy can be unobtainable. Nothing is known of the
 * domain's wishes then, and mail goes as to a domain without MTA-STS
 * (RFC 8461 section 3.3 and section 5): to an MX host whose certificate would
 * not do if the policy were in force.
 */
import type { PolicySetup } from "../domain-setup.ts";
import type { LabDomain } from "../lab-domain.ts";

const FAULTS: Record<string, { shows: string; policy: PolicySetup }> = {
  "policy-redirect": { shows: "the policy host redirects to the policy", policy: { redirect: true } },
  "policy-404": { shows: "the policy host has no policy (404)", policy: { status: 404 } },
  "policy-500": { shows: "the policy host is broken (500), with a policy in its answer", policy: { status: 500 } },
  "policy-html": { shows: "the policy is sent as HTML", policy: { contentType: "text/html; charset=utf-8" } },
  "policy-too-big": { shows: "the policy file is larger than 64 KiB", policy: { sizeBytes: 65 * 1024 } },
  "policy-drip": { shows: "the policy host sends one byte at a time, for ever", policy: { drip: true } },
  "policy-unparsable": { shows: "the policy file is not a policy", policy: { text: "<h1>It works!</h1>\n" } },
  "policy-bad-mode": {
    shows: "the policy has a mode that does not exist",
    policy: { text: "version: STSv1\nmode: enforced\nmx: mx.policy-bad-mode.test\nmax_age: 86400\n" },
  },
  "policy-no-mx": {
    shows: "the policy would enforce, and lists no mail server at all",
    policy: { text: "version: STSv1\nmode: enforce\nmax_age: 86400\n" },
  },
  "policy-self-signed": {
    shows: "the policy host's certificate vouches for itself",
    policy: { certificate: "self-signed" },
  },
  "policy-expired": { shows: "the policy host's certificate has expired", policy: { certificate: "expired" } },
  "policy-wrong-name": {
    shows: "the policy host's certificate belongs to another host",
    policy: { certificate: "wrong-name" },
  },
  "policy-cn-only": {
    shows: "the policy host's certificate has the name only in its common name",
    policy: { certificate: "common-name-only" },
  },
  "policy-other-ca": {
    shows: "the policy host's certificate comes from an authority that nobody trusts",
    policy: { certificate: "other-authority" },
  },
  "policy-private-address": {
    shows: "the policy host's name leads to a private address, where the relay will not be sent",
    policy: { address: "10.1.2.3" },
  },
  "policy-unreachable": { shows: "nobody listens at the policy host", policy: { address: "closed" } },
};

export const withoutUsablePolicy = (): LabDomain[] =>
  Object.entries(FAULTS).map(([name, { shows, policy }]) => ({
    name: `${name}.test`,
    shows,
    setup: { policy, mx: [{ certificate: "self-signed" }] },
    expect: { outcome: "delivered", tls: "encrypted" },
  }));
