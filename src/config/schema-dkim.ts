/** Settings for signing mail (DKIM, RFC 6376) and for TLS reports (RFC 8460). */
import * as z from "zod";
import { filePath, hostName, text } from "./kinds.ts";
import { mailAddress, selector } from "./mail-kinds.ts";
import { optional, required, setting } from "./setting.ts";

const KEY_FILE =
  "The private key: a PEM file as `sts-relay dkim keygen` makes it. RSA of 2048 bits or more, or Ed25519.";

const key = z.strictObject({
  domain: required(hostName(), { says: "The domain in the From field.", example: "example.com" }),
  selector: required(selector(), { says: "The key's record is at SELECTOR._domainkey.DOMAIN.", example: "mail2026" }),
  keyFile: required(filePath("a PEM file"), { says: KEY_FILE, example: "/etc/sts-relay/example.com.pem" }),
});

export const dkim = setting(z.array(key), {
  says: "Keys to sign mail with (DKIM, RFC 6376): all mail whose From field names the domain. A domain with several keys gets a signature of each. Mail that cannot be signed is not taken.",
  default: [],
  example: [{ domain: "example.com", selector: "mail2026", keyFile: "/etc/sts-relay/example.com.pem" }],
});

const reportKey = z.strictObject({
  selector: required(selector(), {
    says: "Its record is at SELECTOR._domainkey of the domain in `from`.",
    example: "mail2026",
  }),
  keyFile: required(filePath("a PEM file"), { says: KEY_FILE, example: "/etc/sts-relay/reports.pem" }),
});

const reports = z.strictObject({
  organization: required(text("text"), { says: "Who reports.", example: "Example Inc." }),
  contact: required(text("text"), {
    says: "Whom to ask about a report: a mail address or a URL.",
    example: "postmaster@example.com",
  }),
  from: required(mailAddress(), { says: "The address that reports come from.", example: "tls-reports@example.com" }),
  dkim: required(reportKey, {
    says: "The key that reports are signed with: receivers ignore a report without a signature.",
    example: { selector: "mail2026", keyFile: "/etc/sts-relay/reports.pem" },
  }),
});

export const tlsReports = optional(reports, {
  says: "Daily reports to the domains that ask for them (TLSRPT, RFC 8460): how many SMTP sessions with their hosts were as their policy asks, and what was wrong with the others.",
  defaultIs: "none: nothing is counted and no report is sent",
  example: {
    organization: "Example Inc.",
    contact: "postmaster@example.com",
    from: "tls-reports@example.com",
    dkim: { selector: "mail2026", keyFile: "/etc/sts-relay/reports.pem" },
  },
});
