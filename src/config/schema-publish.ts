/**
 * Settings for publishing MTA-STS policies of one's own domains. RFC 8461 section 3.
 */
import * as z from "zod";
import { byDomain } from "./by-domain.ts";
import { duration, filePath, host, listenPort, oneOf } from "./kinds.ts";
import { hostOrAddresses, policyHosts, reportAddress } from "./publish-kinds.ts";
import { optional, required, section, setting } from "./setting.ts";

const listener = z.strictObject({
  host: setting(host(), { says: "Address to listen on; 0.0.0.0 or :: for all.", default: "0.0.0.0" }),
  port: setting(listenPort(), {
    says: "Port to listen on. Senders ask at 443: any other is for a proxy before it.",
    default: 443,
  }),
  tls: setting(oneOf("implicit", "none"), {
    says: "implicit: HTTPS, with one of `certificates`; none: plain HTTP, for a proxy that does the HTTPS and passes the Host header on as it is.",
    default: "implicit",
  }),
});

const certificate = z.strictObject({
  certFile: required(filePath("a PEM file"), {
    says: "The certificate, with its intermediates behind it.",
    example: "/etc/sts-relay/mta-sts.pem",
  }),
  keyFile: required(filePath("a PEM file"), { says: "Its private key.", example: "/etc/sts-relay/mta-sts.key" }),
});

const domain = z.strictObject({
  mode: required(oneOf("testing", "enforce", "none"), {
    says: "testing: senders report what fails and deliver all the same; enforce: they deliver to no host that fails; none: no protection (the way out of it).",
    example: "testing",
  }),
  maxAge: setting(duration("1m", "365d"), {
    says: "How long senders keep the policy once they have it (RFC 8461 section 3.2): days while it is tried, weeks once all is well.",
    default: "7d",
  }),
  mx: setting(policyHosts(), {
    says: "The hosts that senders may deliver to. dns: those of the domain's MX records, as our resolver sees them. Under enforce a list is better: a new host belongs in the policy before it is in the DNS.",
    default: "dns",
  }),
  reportsTo: optional(z.array(reportAddress()), {
    says: "As publish.reportsTo.",
    defaultIs: "publish.reportsTo",
    example: ["mailto:tls-reports@example.com"],
  }),
});

export const publish = section("MTA-STS policies of our own domains, for those who send to us. RFC 8461 section 3.", {
  listeners: setting(z.array(listener), {
    says: "Where the policies are served, as https://mta-sts.DOMAIN/.well-known/mta-sts.txt. None: the relay serves nothing.",
    default: [],
    example: [{ host: "0.0.0.0", port: 443, tls: "implicit" }],
  }),
  certificates: setting(z.array(certificate), {
    says: "Certificates for mta-sts.DOMAIN: one for all domains, or several. The one that names the host is shown. Read again on SIGHUP and when a file changes.",
    default: [],
    example: [{ certFile: "/etc/sts-relay/mta-sts.pem", keyFile: "/etc/sts-relay/mta-sts.key" }],
  }),
  domains: setting(byDomain(domain, { wildcards: false }), {
    says: "Our domains, each with its policy.",
    default: {},
    example: { "example.com": { mode: "testing", mx: ["mx1.example.com", "*.mail.example.com"] } },
  }),
  reachedAt: optional(hostOrAddresses(), {
    says: "Where mta-sts.DOMAIN leads to, for `sts-relay publish records`: the name of a host, or its addresses.",
    defaultIs: "hostname",
    example: "relay.example.com",
  }),
  reportsTo: setting(z.array(reportAddress()), {
    says: "Where senders' TLS reports go, for `sts-relay publish records` (RFC 8460 section 3).",
    default: [],
    example: ["mailto:tls-reports@example.com"],
  }),
});
