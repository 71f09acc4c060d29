/**
 * What one address of a mail host is worth. RFC 8461 section 4.2, with the
 * words of RFC 8460 section 4.3 for what is wrong.
 */
import { NO_ROUTE } from "../smtp/failure.ts";
import type { ResultType, Shortfall } from "../tls/verdict.ts";
import type { AddressFacts, HostFacts, Proof } from "./facts.ts";
import type { Finding, Severity } from "./finding.ts";
import { day } from "./words.ts";

export type AddressNote = Pick<Finding, "severity" | "code" | "says" | "todo">;

/** What a shortfall leads to: nothing is sent; it is reported; nobody minds. */
export type Asked = "enforced" | "reported" | "nothing";

export type Measure = {
  asked: Asked;
  /** How much it matters when the host proves less than verified TLS. */
  shortfall: Severity;
  /** How much it matters when it cannot be reached. */
  loss: Severity;
};

export function noteOn({ family, proof }: AddressFacts, host: HostFacts, measure: Measure): AddressNote {
  switch (proof.kind) {
    case "not-allowed":
      return {
        severity: measure.loss,
        code: "address-not-allowed",
        says: proof.why,
        todo: "Publish a public address. (For a network of your own: network.allow.)",
      };
    case "failed":
      return unreached(host, family, proof, measure);
    case "judged":
      return proof.verdict.kind === "meets" ? proved(proof) : fellShort(proof.verdict, measure);
  }
}

function unreached(
  host: HostFacts,
  family: 4 | 6,
  { failure }: Proof & { kind: "failed" },
  { loss }: Measure,
): AddressNote {
  const says = failure.detail;
  if (failure.phase !== "connect") {
    const todo = "Look at the host's log: it may have something against this machine's address or name.";
    return { severity: loss, code: "host-refuses", says, todo };
  }
  if (family === 6 && says === NO_ROUTE) {
    const unseen = "this machine has no way to IPv6 addresses, so it was not looked at";
    return { severity: "info", code: "no-ipv6-here", says: unseen };
  }
  if (family === 6 && host.addresses.some((other) => other.family === 4 && other.proof.kind === "judged")) {
    return {
      severity: "warning",
      code: "aaaa-without-service",
      says: `${says}; every sender with IPv6 tries this address first`,
      todo: "Have the host listen on its IPv6 address, or take the AAAA record away.",
    };
  }
  const todo = "See that the host listens. If no host anywhere can be reached, outgoing port 25 is closed here.";
  return { severity: loss, code: "host-unreachable", says, todo };
}

function proved({ facts }: Proof & { kind: "judged" }): AddressNote {
  if (!facts.secured) return { severity: "ok", code: "host-verified", says: "verified" };
  const { protocol, certificate } = facts;
  const until = certificate?.expiresAt === undefined ? "" : `, good until ${day(certificate.expiresAt)}`;
  const says = `${protocol}, certificate from ${certificate?.issuer ?? "nobody"}${until}`;
  return { severity: "ok", code: "host-verified", says };
}

function fellShort({ resultType, reason }: Shortfall, { asked, shortfall }: Measure): AddressNote {
  const isClear = resultType === "starttls-not-supported";
  return {
    // Nobody asks for TLS there, and mail that goes in the clear is worth a word all the same.
    severity: isClear && shortfall === "info" ? "warning" : shortfall,
    code: resultType,
    says: `${reason}; ${consequence(asked, isClear)}`,
    todo: REMEDIES[resultType],
  };
}

function consequence(asked: Asked, isClear: boolean): string {
  switch (asked) {
    case "enforced":
      return "nothing is sent to it";
    case "reported":
      return "under enforce nothing would be sent to it";
    case "nothing":
      return isClear ? "mail to it goes in the clear" : "nothing asks for more, so mail goes to it all the same";
  }
}

const REMEDIES: Record<ResultType, string> = {
  "starttls-not-supported":
    "Have the host offer STARTTLS. If it does, something between here and there takes the offer away.",
  "certificate-host-mismatch": "Give the host a certificate with its MX name as a dNSName.",
  "certificate-expired": "Renew the certificate; see that this happens by itself.",
  "certificate-not-trusted": "Give the host a certificate from a public authority, sent with its intermediates.",
  "validation-failure": "Look at the host's TLS: it must speak TLS 1.2 or later, with nothing meddling on the way.",
};
