/**
 * Each way in which an MX host can fail a policy, once under `enforce` (nothing
 * is sent, the message waits) and once in testing mode (delivered as without a
 * policy, and the violation is logged). RFC 8461 sections 4 and 5.
 */
import type { MxSetup } from "../domain-setup.ts";
import type { LabDomain, Protection } from "../lab-domain.ts";

type Fault = {
  name: string;
  shows: string;
  mx: (domain: string) => MxSetup;
  /** Hosts in the policy; default: the MX host. */
  listed?: (domain: string) => string[];
  /** In the relay's explanation under `enforce`. */
  reason: RegExp;
  /** How it is delivered in testing mode. */
  inTesting: Protection | Protection[];
};

const FAULTS: Fault[] = [
  {
    // Not "no-starttls": nodemailer takes `-starttls` in the host's name, in its EHLO reply, for the keyword.
    name: "no-tls",
    shows: "the mail server offers no encryption",
    mx: () => ({ behaviour: { starttls: "absent" } }),
    reason: /STARTTLS/i,
    inTesting: "clear",
  },
  {
    name: "starttls-454",
    shows: "the mail server offers encryption, then refuses it for now",
    mx: () => ({ behaviour: { starttls: { reply: "454 4.7.0 TLS not available" } } }),
    reason: /STARTTLS|TLS not available/i,
    inTesting: "clear",
  },
  {
    name: "starttls-554",
    shows: "the mail server offers encryption, then refuses it for good: still no reason to give up",
    mx: () => ({ behaviour: { starttls: { reply: "554 5.7.0 no TLS here" } } }),
    reason: /STARTTLS|no TLS here/i,
    inTesting: "clear",
  },
  {
    name: "stripped",
    shows: "an attacker on the path removes the offer of encryption",
    mx: () => ({ stripped: true }),
    reason: /STARTTLS/i,
    inTesting: "clear",
  },
  {
    name: "injected",
    shows: "an attacker on the path slips commands in just before encryption starts",
    mx: () => ({ behaviour: { starttls: { inject: "250-mx.injected.test\r\n250 AUTH PLAIN\r\n" } } }),
    reason: /inject|plain text|STARTTLS/i,
    inTesting: ["verified", "encrypted", "clear"],
  },
  {
    name: "self-signed",
    shows: "the certificate vouches for itself",
    mx: () => ({ certificate: "self-signed" }),
    reason: /self.?signed|trust/i,
    inTesting: "encrypted",
  },
  {
    name: "other-ca",
    shows: "the certificate comes from an authority that nobody trusts",
    mx: () => ({ certificate: "other-authority" }),
    reason: /trust|authority|issuer/i,
    inTesting: "encrypted",
  },
  {
    name: "expired",
    shows: "the certificate expired yesterday",
    mx: () => ({ certificate: "expired" }),
    reason: /expired/i,
    inTesting: "encrypted",
  },
  {
    name: "not-yet-valid",
    shows: "the certificate is valid from tomorrow",
    mx: () => ({ certificate: "not-yet-valid" }),
    reason: /not.*valid|certificate/i,
    inTesting: "encrypted",
  },
  {
    name: "wrong-name",
    shows: "the certificate belongs to another host",
    mx: () => ({ certificate: "wrong-name" }),
    reason: /certificate|name/i,
    inTesting: "encrypted",
  },
  {
    name: "cn-only",
    shows: "the certificate has the name only where no one looks any more (common name)",
    mx: () => ({ certificate: "common-name-only" }),
    reason: /certificate|name/i,
    inTesting: "encrypted",
  },
  {
    name: "partial-wildcard",
    shows: "the certificate's wildcard is only a part of a name (m*)",
    mx: () => ({ certificate: "partial-wildcard" }),
    reason: /certificate|name/i,
    inTesting: "encrypted",
  },
  {
    name: "old-tls",
    shows: "the mail server speaks only TLS 1.0 and 1.1",
    mx: () => ({ behaviour: { tls: { minVersion: "TLSv1", maxVersion: "TLSv1.1" } } }),
    reason: /TLS|version|handshake/i,
    inTesting: ["clear", "encrypted"],
  },
  {
    name: "mx-not-listed",
    shows: "DNS names a mail server that the policy does not (a forged MX record looks so)",
    mx: () => ({}),
    listed: (domain) => [`other-mx.${domain}`],
    reason: /polic|list/i,
    inTesting: ["verified", "encrypted"],
  },
  {
    name: "wildcard-two",
    shows: "the policy's wildcard stands for one label, the mail server's name has two there",
    mx: (domain) => ({ name: `mx.eu.${domain}` }),
    listed: (domain) => [`*.${domain}`],
    reason: /polic|list/i,
    inTesting: ["verified", "encrypted"],
  },
];

export const underEnforce = (): LabDomain[] =>
  FAULTS.map((fault) => ({
    ...withPolicy(fault, `${fault.name}.test`, "enforce"),
    expect: { outcome: "deferred", tls: "none", reason: fault.reason },
  }));

export const inTesting = (): LabDomain[] =>
  FAULTS.map((fault) => ({
    ...withPolicy(fault, `testing-${fault.name}.test`, "testing"),
    expect: { outcome: "delivered", tls: fault.inTesting, violation: true },
  }));

function withPolicy(fault: Fault, name: string, mode: "enforce" | "testing"): Omit<LabDomain, "expect"> {
  return {
    name,
    shows: mode === "testing" ? `testing mode: ${fault.shows}` : fault.shows,
    setup: {
      mx: [fault.mx(name)],
      policy: { mode, ...(fault.listed === undefined ? {} : { mx: fault.listed(name) }) },
    },
  };
}
