/**
 * What a handshake proved, and whether that is enough. One judgement for every
 * mode: the mode decides what is done with the verdict.
 * RFC 8461 section 4.2, RFC 8460 section 4.3, RFC 6125.
 */

/** Failure types, in the words of RFC 8460 section 4.3.1 and 4.3.2. */
export type ResultType =
  | "starttls-not-supported"
  | "certificate-host-mismatch"
  | "certificate-expired"
  | "certificate-not-trusted"
  | "validation-failure";

/** What is known of a session's transport security, before MAIL FROM. */
export type HandshakeFacts =
  | {
      secured: false;
      /** `not-tried`: TLS was left out on purpose, after it failed where nothing requires it. */
      why: "not-offered" | "refused" | "handshake-failed" | "not-tried";
      /** In plain words. */
      detail: string;
    }
  | {
      secured: true;
      /** As Node names it: `TLSv1.3`. */
      protocol: string;
      cipher: string;
      /** The OpenSSL code when the chain does not lead to a trusted root or is out of date. */
      chainError?: string;
      /** A SAN dNSName of the certificate matches the MX host name. */
      namesHost: boolean;
      certificate?: CertificateNote;
      /** Plain text arrived behind the server's reply to STARTTLS: somebody is on the path. */
      injected: boolean;
    };

export type CertificateNote = {
  /** The SAN dNSNames, at most ten. */
  names: string[];
  issuer: string;
  /** Absent when its date cannot be read. */
  expiresAt?: number;
};

export type Verdict = { kind: "meets" } | Shortfall;
export type Shortfall = {
  kind: "fallsShort";
  resultType: ResultType;
  /** In plain words, to follow on "mx1.example.com: …". */
  reason: string;
};

/** What a handshake has to prove. */
export type Demand = {
  tls: "optional" | "encrypted" | "verified";
  /** Falls short already, whatever the handshake proves. */
  violation?: Shortfall;
};

/**
 * Does what was proved meet what is required? `now` is looked at because a
 * pooled session may outlive its certificate.
 */
export function judge(demand: Demand, facts: HandshakeFacts, now: number): Verdict {
  if (demand.violation !== undefined) return demand.violation;
  if (demand.tls === "optional") return { kind: "meets" };
  if (!facts.secured) return unsecured(facts);
  // Bytes in the clear after STARTTLS would be taken for the server's answer. RFC 3207 section 6.
  if (facts.injected) return shortfall("validation-failure", "plain text was injected behind the reply to STARTTLS");
  if (demand.tls === "encrypted") return { kind: "meets" };
  return verified(facts, now);
}

function unsecured(facts: HandshakeFacts & { secured: false }): Shortfall {
  switch (facts.why) {
    case "not-offered":
    case "refused":
    case "not-tried":
      return shortfall("starttls-not-supported", facts.detail);
    case "handshake-failed":
      return shortfall("validation-failure", facts.detail);
  }
}

function verified(facts: HandshakeFacts & { secured: true }, now: number): Verdict {
  if (!MODERN.has(facts.protocol))
    return shortfall("validation-failure", `${facts.protocol} is too old, TLS 1.2 is the least`);
  const expiresAt = facts.certificate?.expiresAt;
  if (expiresAt !== undefined && expiresAt <= now) return shortfall("certificate-expired", expiredWords(expiresAt));
  if (facts.chainError === "CERT_HAS_EXPIRED") {
    return shortfall("certificate-expired", "a certificate of its chain has expired");
  }
  if (facts.chainError !== undefined) return shortfall("certificate-not-trusted", chainWords(facts.chainError));
  if (!facts.namesHost) return shortfall("certificate-host-mismatch", namesWords(facts.certificate?.names ?? []));
  return { kind: "meets" };
}

/** RFC 8461 section 4.2 asks for TLS; RFC 8996 forbids 1.0 and 1.1. */
const MODERN = new Set(["TLSv1.2", "TLSv1.3"]);

const expiredWords = (expiresAt: number) =>
  `its certificate expired on ${new Date(expiresAt).toISOString().slice(0, 10)}`;

function namesWords(names: string[]): string {
  return names.length === 0
    ? "its certificate names no host in its subjectAltName"
    : `its certificate is for ${names.join(", ")}, not for this host`;
}

/** OpenSSL's code for a chain that does not hold, in words. The code stays, for those who search for it. */
function chainWords(code: string): string {
  const words: Record<string, string> = {
    DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
    SELF_SIGNED_CERT_IN_CHAIN: "its certificate comes from an authority that is not trusted",
    UNABLE_TO_GET_ISSUER_CERT: "its certificate's issuer is missing",
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate comes from an authority that is not trusted",
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate comes from an authority that is not trusted",
    CERT_NOT_YET_VALID: "its certificate is not valid yet",
    CERT_REVOKED: "its certificate was revoked",
    INVALID_PURPOSE: "its certificate is not for servers",
    NO_CERTIFICATE: "it showed no certificate",
  };
  return `${words[code] ?? "its certificate cannot be verified"} (${code})`;
}

export function shortfall(resultType: ResultType, reason: string): Shortfall {
  return { kind: "fallsShort", resultType, reason };
}
