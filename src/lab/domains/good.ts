/**
 * Domains where all is as it should be, with a policy and without one: mail is
 * delivered, as well protected as the domain allows.
 */
import type { LabDomain } from "../lab-domain.ts";

export const underPolicy = (): LabDomain[] => [
  {
    name: "good-enforce.test",
    shows: "all is right: policy, encryption, certificate",
    setup: { policy: {} },
    expect: { outcome: "delivered", tls: "verified" },
  },
  {
    name: "good-testing.test",
    shows: "testing mode, and all is right",
    setup: { policy: { mode: "testing" } },
    expect: { outcome: "delivered", tls: ["verified", "encrypted"] },
  },
  {
    name: "wildcard-one.test",
    shows: "the policy names its mail servers by a wildcard",
    setup: { policy: { mx: ["*.wildcard-one.test"] } },
    expect: { outcome: "delivered", tls: "verified" },
  },
  {
    name: "wildcard-certificate.test",
    shows: "the certificate names the mail server by a wildcard",
    setup: { mx: [{ certificate: "wildcard" }], policy: {} },
    expect: { outcome: "delivered", tls: "verified" },
  },
  {
    name: "second-mx-good.test",
    shows: "the first mail server fails the policy, the second gets the message",
    setup: { mx: [{ certificate: "expired" }, {}], policy: {} },
    expect: { outcome: "delivered", tls: "verified", nothingAt: ["mx1.second-mx-good.test"] },
  },
  {
    name: "first-mx-down.test",
    shows: "nobody listens at the first mail server, the second gets the message",
    setup: { mx: [{ closed: true }, {}], policy: {} },
    expect: { outcome: "delivered", tls: "verified" },
  },
  {
    name: "implicit-mx.test",
    shows: "no MX record: the domain is its own mail server, and the policy lists it",
    setup: { mxRecords: "none", policy: {} },
    expect: { outcome: "delivered", tls: "verified" },
  },
  {
    name: "dual-stack.test",
    shows: "the mail server has an IPv6 and an IPv4 address",
    setup: { mx: [{ ipv6: true }], policy: {} },
    expect: { outcome: "delivered", tls: "verified" },
  },
];

export const withoutPolicy = (): LabDomain[] => [
  {
    name: "mode-none.test",
    shows: "the policy asks for nothing: an unverified certificate will do",
    setup: { mx: [{ certificate: "self-signed" }], policy: { mode: "none" } },
    expect: { outcome: "delivered", tls: "encrypted" },
  },
  {
    name: "no-policy.test",
    shows: "no policy: encryption is used where it is offered, unverified",
    setup: { mx: [{ certificate: "self-signed" }] },
    expect: { outcome: "delivered", tls: "encrypted" },
  },
  {
    name: "no-policy-no-tls.test",
    shows: "no policy and no encryption: delivered in clear, as SMTP ever was",
    setup: { mx: [{ behaviour: { starttls: "absent" } }] },
    expect: { outcome: "delivered", tls: "clear" },
  },
  {
    name: "no-policy-starttls-454.test",
    shows: "no policy, and encryption is offered and then refused: a second try in clear",
    setup: { mx: [{ behaviour: { starttls: { reply: "454 4.7.0 TLS not available" } } }] },
    expect: { outcome: "delivered", tls: "clear" },
  },
  {
    name: "child.good-enforce.test",
    shows: "a policy holds for its own domain, not for those below it",
    setup: { mx: [{ certificate: "self-signed" }] },
    expect: { outcome: "delivered", tls: "encrypted" },
  },
];
